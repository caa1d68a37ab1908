"""The page in a real browser: no error, no request, charts drawn, captions harmless."""

from pathlib import Path

import pytest
from selenium import webdriver

from crossmodal.report.cells import Grid
from crossmodal.report.page import ReportInputs, write_report
from real_browser import needs_chromium

pytestmark = [
    pytest.mark.slow,
    needs_chromium,
]

DRAWN = """
const done = arguments[0], boxes = [...document.querySelectorAll('.chart')];
const look = () => boxes.every((box) => box.dataset.drawn && box.querySelector('svg')) ? done(boxes.length)
  : requestAnimationFrame(look);
document.querySelectorAll('details').forEach((details) => { details.open = true; });
look();
"""


def opened(browser: webdriver.Chrome, inputs: ReportInputs, folder: Path, width: int = 1280) -> int:
    """Open the page in a window `width` px wide and return how many charts were drawn."""
    page = folder / "index.html"
    write_report(inputs, page)
    for log in ("browser", "performance"):
        browser.get_log(log)  # reading a log empties it
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    browser.get(page.as_uri())
    return int(browser.execute_async_script(DRAWN))


def test_charts_are_drawn_without_an_error(
    browser: webdriver.Chrome, inputs: ReportInputs, tmp_path: Path
) -> None:
    assert opened(browser, inputs, tmp_path) == 17
    assert [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
    texts = browser.execute_script(
        "return [...document.querySelectorAll('.chart svg')].map((svg) => svg.textContent)"
    )
    assert all("lora-r8" in text for text in texts[:2])


def test_nothing_is_fetched(browser: webdriver.Chrome, inputs: ReportInputs, tmp_path: Path) -> None:
    opened(browser, inputs, tmp_path)
    events = "".join(entry["message"] for entry in browser.get_log("performance"))
    assert "Network.requestWillBeSent" in events
    names = browser.execute_script(
        "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    )
    assert [name for name in names if not name.startswith(("data:", "file:"))] == []
    for scheme in ('"url":"http:', '"url":"https:', '"url":"ws'):
        assert scheme not in events


def test_hostile_captions_are_read_as_text(
    browser: webdriver.Chrome, inputs: ReportInputs, tmp_path: Path
) -> None:
    opened(browser, inputs, tmp_path)
    assert browser.title == "emoji: study of image-text retrieval"
    text = browser.execute_script("return document.body.innerText")
    assert "<script>alert(1)</script>" in text and "</script><img src=x" in text and "{{ 7 * 7 }}" in text
    assert (
        browser.execute_script("return document.querySelectorAll('main script, main svg[onload]').length")
        == 0
    )
    assert browser.execute_script("return [...document.images].every((image) => image.naturalWidth > 0)")


def test_the_policy_stops_what_escaping_would_let_through(
    browser: webdriver.Chrome, inputs: ReportInputs, tmp_path: Path
) -> None:
    opened(browser, inputs, tmp_path)
    attack = "<img src=data:, onerror=\"document.title='broken'\">"
    browser.execute_script("document.body.insertAdjacentHTML('beforeend', arguments[0])", attack)
    browser.execute_async_script("setTimeout(arguments[0], 200)")
    assert browser.title == "emoji: study of image-text retrieval"


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_never_scrolls_sideways(
    browser: webdriver.Chrome, make_study, tmp_path: Path, width: int
) -> None:
    cells = ["zero-shot", "full", "lora-r8", "lora-r8-pgd", *(f"adapter-{2**i}" for i in range(11))]
    study = make_study(cells=cells, shifts=[f"defocus-blur-{i}" for i in range(18)])
    assert opened(browser, study.inputs(), tmp_path, width) == 17
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [1280, 390])
def test_only_a_table_that_goes_on_says_so(
    browser: webdriver.Chrome, make_study, tmp_path: Path, width: int
) -> None:
    """A fading edge and words beside the title, until the end of the table is in sight."""
    opened(browser, make_study(shifts=[f"blur-{i}" for i in range(18)]).inputs(), tmp_path, width)
    browser.execute_async_script("requestAnimationFrame(() => setTimeout(arguments[0], 100))")
    facts = browser.execute_script(
        """return [...document.querySelectorAll('.scroll')].map((box) => {
        const caption = box.querySelector('caption');
        return [box.scrollWidth > box.clientWidth + 2, getComputedStyle(box).maskImage !== 'none',
          caption && getComputedStyle(caption, '::after').content !== 'none'];
        })"""
    )
    assert {wide for wide, _, _ in facts} == {True, False}
    assert all(wide == fades and told in (wide, None) for wide, fades, told in facts)
    browser.execute_script(
        "document.querySelectorAll('.scroll').forEach((box) => box.scrollTo(box.scrollWidth, 0))"
    )
    browser.execute_async_script("requestAnimationFrame(() => setTimeout(arguments[0], 100))")
    assert browser.execute_script("return document.querySelectorAll('.scroll.more').length") == 0


def test_charts_fit_a_narrow_page(browser: webdriver.Chrome, make_study, tmp_path: Path) -> None:
    """Legends too, and the names of rows leave room for a figure beside them."""
    cells = ["zero-shot", "full", "lora-r8", *(f"lora-r8-pgd-with-{2**i}-steps" for i in range(9))]
    opened(browser, make_study(cells=cells).inputs(), tmp_path, 390)
    wide = (
        "return [...document.querySelectorAll('.chart')].filter((c) => c.scrollWidth > c.clientWidth).length"
    )
    assert browser.execute_script(wide) == 0
    rows = "return Math.max(...[...document.querySelectorAll('.numbers th[scope=row]')].map((h) => h.offsetWidth))"
    assert browser.execute_script(rows) <= 170


def test_names_in_charts_have_a_halo(browser: webdriver.Chrome, inputs: ReportInputs, tmp_path: Path) -> None:
    """Of the page's own colour, painted behind the letters: lines of intervals do not strike them through."""
    opened(browser, inputs, tmp_path)
    style = browser.execute_script(
        """const text = document.querySelector('#chart-accuracy-text_to_image .mark-text.role-mark text');
        const found = getComputedStyle(text), page = getComputedStyle(document.body).backgroundColor;
        return [found.paintOrder, found.stroke, page, parseFloat(found.strokeWidth)]"""
    )
    assert style[0].startswith("stroke") and style[1] == style[2] and style[3] >= 3


def test_a_click_tells_the_id_of_a_number(
    browser: webdriver.Chrome, inputs: ReportInputs, tmp_path: Path
) -> None:
    opened(browser, inputs, tmp_path)
    id = "peft/full/s*/openmoji/test/clean/text_to_image/recall@1"
    browser.execute_script(f"document.querySelector('[data-number-id=\"{id}\"]').click()")
    assert browser.execute_script("return document.getElementById('origin').textContent") == id


def test_an_empty_study_opens_without_an_error(browser: webdriver.Chrome, study, tmp_path: Path) -> None:
    empty = study.changed(study.frame.iloc[:0])
    inputs = ReportInputs(
        "nothing", Grid.of("openmoji", {}), empty.numbers, questions=empty.inputs().questions
    )
    assert opened(browser, inputs, tmp_path) == 0
    assert browser.get_log("browser") == []
