"""The audit page in a real browser: chains drawn, details by pointer and by keyboard, nothing fetched."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from crossmodal.report.audit_page import write_audit_page
from real_browser import needs_chromium

pytestmark = [
    pytest.mark.slow,
    needs_chromium,
]
Audit = Callable[..., dict[str, Any]]
BASE, SUMMARY = "build_model model=base", "join_numbers"
ADAPTED = "adapt_model cell=lora-r8 seed=1"


def opened(
    browser: webdriver.Chrome, audited: dict[str, Any], folder: Path, fragment: str = "", width: int = 1280
) -> None:
    """Open the page of an audit, at a number or a job, in a window `width` px wide."""
    page = folder / "audit.html"
    write_audit_page(audited, page)
    browser.get("about:blank")  # or only the fragment would change
    for log in ("browser", "performance"):
        browser.get_log(log)  # reading a log empties it
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    browser.get(page.as_uri() + (f"#{quote(fragment, safe='/@*')}" if fragment else ""))


def boxes(browser: webdriver.Chrome) -> list[WebElement]:
    return browser.find_elements(By.CSS_SELECTOR, "svg .box")


def box(browser: webdriver.Chrome, name: str) -> WebElement:
    return next(b for b in boxes(browser) if (b.get_attribute("aria-label") or "").startswith(f"{name}:"))


def shown(browser: webdriver.Chrome) -> str:
    """Return the text of the details, nothing while they are closed."""
    return str(browser.find_element(By.ID, "details").text)


@pytest.mark.parametrize("shifts", [1, 5])
def test_a_chain_has_a_box_for_each_job_and_the_number_at_its_end(
    browser: webdriver.Chrome, tmp_path: Path, shifts: int, make_audit: Audit
) -> None:
    audited = make_audit(seeds=3, shifts=shifts)
    number = audited["numbers"][-1]
    opened(browser, audited, tmp_path, number["number_id"])
    labels = [b.get_attribute("aria-label").rpartition(": verified")[0] for b in boxes(browser)]
    assert sorted(labels) == sorted(number["jobs"])
    assert labels[-1] == SUMMARY
    assert browser.find_element(By.CSS_SELECTOR, "svg .flag .value").text == "11.8 %"
    assert browser.find_element(By.CSS_SELECTOR, "#subject h1").text == number["number_id"]
    assert len(browser.find_elements(By.CSS_SELECTOR, "svg .frame")) == (3 if shifts > 3 else 0)


def test_boxes_do_not_overlap_and_arrows_point_onward(
    browser: webdriver.Chrome, tmp_path: Path, make_audit: Audit
) -> None:
    opened(browser, audited := make_audit(seeds=4, shifts=2), tmp_path, audited["numbers"][-1]["number_id"])
    places = {b.get_attribute("data-job"): b.rect for b in boxes(browser)}
    rects = list(places.values())
    for i, a in enumerate(rects):
        for b in rects[:i]:
            apart_x = a["x"] + a["width"] <= b["x"] or b["x"] + b["width"] <= a["x"]
            apart_y = a["y"] + a["height"] <= b["y"] or b["y"] + b["height"] <= a["y"]
            assert apart_x or apart_y
    arrows = browser.find_elements(By.CSS_SELECTOR, "svg .arrow:not([data-to=end])")
    assert len(arrows) == 1 + 4 * 2 + 8 * 2 + 8 + 1
    for arrow in arrows:
        start, end = places[arrow.get_attribute("data-from")], places[arrow.get_attribute("data-to")]
        assert start["x"] + start["width"] < end["x"]


def test_arrows_name_the_files_that_pass(
    browser: webdriver.Chrome, tmp_path: Path, make_audit: Audit
) -> None:
    opened(browser, audited := make_audit(), tmp_path, audited["numbers"][0]["number_id"])
    titles = browser.execute_script(
        "return [...document.querySelectorAll('.arrow title')].map((title) => title.textContent)"
    )
    assert any(f"{BASE} → adapt_model" in t and "results/build_model/base/out.parquet" in t for t in titles)


def test_a_job_that_is_not_verified_is_seen(
    browser: webdriver.Chrome, tmp_path: Path, make_audit: Audit, spoil: Audit
) -> None:
    audited = spoil(make_audit(), ADAPTED, "tampered", "out.parquet: recorded 1, found f")
    spoil(audited, BASE, "stale", "params: epochs 2 → 3")
    opened(browser, audited, tmp_path, audited["numbers"][-1]["number_id"])
    assert "✗ tampered" in box(browser, ADAPTED).text and "↻ stale" in box(browser, BASE).text
    fill = "return getComputedStyle(arguments[0].querySelector('.body')).fill"
    fills = {browser.execute_script(fill, box(browser, name)) for name in (ADAPTED, BASE, SUMMARY)}
    assert len(fills) == 3
    assert len(browser.find_elements(By.CSS_SELECTOR, ".arrow.tampered:not([data-to=end])")) == 1
    reasons = browser.find_element(By.CSS_SELECTOR, "#subject .problems").text
    assert "epochs 2 → 3" in reasons and reasons.index("tampered") < reasons.index("stale")


def test_a_click_opens_the_details(
    browser: webdriver.Chrome, tmp_path: Path, make_audit: Audit, spoil: Audit, hostile: str
) -> None:
    audited = spoil(make_audit(), ADAPTED, "tampered", "out.parquet: recorded 1, found f")
    opened(browser, audited, tmp_path, audited["numbers"][-1]["number_id"])
    assert shown(browser) == ""
    box(browser, ADAPTED).click()
    text = shown(browser)
    job = audited["jobs"][ADAPTED]
    for part in (
        "kind: adapt_model", hostile, "0123456789ab", "numpy", "2.4.6", job["commit"], "2026-02-03 14:07 UTC",
        "10 min 12 s", "cpu", job["outputs"][0]["md5"], "f" * 32,
        job["inputs"][0]["md5"], "found the same", "recorded 1, found f", f"from {BASE}",
    ):  # fmt: skip
        assert part in text
    browser.find_element(By.CSS_SELECTOR, "#details .close").click()
    assert shown(browser) == ""


def test_the_keyboard_walks_the_chain_and_opens_the_details(
    browser: webdriver.Chrome, tmp_path: Path, make_audit: Audit
) -> None:
    opened(browser, audited := make_audit(), tmp_path, audited["numbers"][0]["number_id"])

    def press(*keys: str) -> str:
        browser.switch_to.active_element.send_keys(*keys)
        return shown(browser).partition("\n")[2]

    for _ in range(8):  # past the links of the page
        if "build_dataset" in press(Keys.TAB):
            break
    assert "build_dataset" in shown(browser)
    assert press(Keys.TAB).startswith("build_model")
    assert press(Keys.ARROW_RIGHT).startswith("adapt_model")
    assert press(Keys.ARROW_LEFT).startswith("build_model")
    press(Keys.ENTER)
    assert browser.switch_to.active_element.tag_name == "h2"
    assert press(Keys.ESCAPE) == ""
    assert BASE in (browser.switch_to.active_element.get_attribute("aria-label") or "")


def test_the_overview_finds_numbers_and_leads_to_them(
    browser: webdriver.Chrome, tmp_path: Path, make_audit: Audit, spoil: Audit, hostile: str
) -> None:
    audited = spoil(
        make_audit(seeds=120),
        "adapt_model cell=lora-r8 seed=7",
        "stale",
        "code: crossmodal.models.clip a → b",
    )
    opened(browser, audited, tmp_path)
    assert "crossmodal.models.clip a → b" in browser.find_element(By.ID, "problems").text
    rows = "#all-numbers tbody tr"
    assert len(browser.find_elements(By.CSS_SELECTOR, rows)) == 100
    browser.find_element(By.CSS_SELECTOR, "#all-numbers .more").click()
    assert len(browser.find_elements(By.CSS_SELECTOR, rows)) == 121
    browser.execute_script("scrollTo(0, 0)")
    browser.find_element(By.CSS_SELECTOR, "#all-numbers .chip.stale").click()
    assert len(browser.find_elements(By.CSS_SELECTOR, rows)) == 2
    browser.find_element(By.CSS_SELECTOR, "input[type=search]").send_keys("RECALL@1 s7")
    (link,) = browser.find_elements(By.CSS_SELECTOR, f"{rows} a")
    link.click()
    assert browser.find_element(By.CSS_SELECTOR, "#subject h1").text == f"peft/lora-r8/s7/{hostile}/recall@1"
    assert len(boxes(browser)) == 6
    browser.back()
    assert not browser.find_element(By.ID, "subject").is_displayed()


def test_a_job_shows_what_is_above_it_and_which_numbers_rest_on_it(
    browser: webdriver.Chrome, tmp_path: Path, make_audit: Audit
) -> None:
    opened(browser, make_audit(), tmp_path, f"job:{ADAPTED}")
    assert len(boxes(browser)) == 3
    assert "adapt_model" in shown(browser)
    assert len(browser.find_elements(By.CSS_SELECTOR, "#subject .rows tr")) == 2  # its own seed's and s*


def test_a_number_that_is_not_there_is_told_so(
    browser: webdriver.Chrome, tmp_path: Path, make_audit: Audit
) -> None:
    opened(browser, make_audit(), tmp_path, "peft/<b>bold</b>/100%")
    assert browser.find_element(By.CSS_SELECTOR, "#subject h1").text
    assert "holds no number of that id" in browser.find_element(By.ID, "subject").text


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_never_scrolls_sideways(
    browser: webdriver.Chrome, tmp_path: Path, width: int, make_audit: Audit, spoil: Audit
) -> None:
    audited = spoil(make_audit(seeds=5, shifts=3), ADAPTED, "tampered", f"{'x' * 200}: changed")
    for fragment in ("", audited["numbers"][-1]["number_id"], f"job:{SUMMARY}"):
        opened(browser, audited, tmp_path, fragment, width)
        if fragment:
            browser.execute_script("document.querySelector('.box.tampered').focus()")
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width


def test_nothing_is_fetched_and_nothing_fails(
    browser: webdriver.Chrome, tmp_path: Path, make_audit: Audit
) -> None:
    opened(browser, audited := make_audit(shifts=5), tmp_path, audited["numbers"][0]["number_id"])
    for one in boxes(browser):
        one.click()
    browser.execute_script("location.hash = ''")
    assert browser.title == "made-up: audit"
    assert browser.get_log("browser") == []
    events = "".join(entry["message"] for entry in browser.get_log("performance"))
    assert "Network.requestWillBeSent" in events
    for scheme in ('"url":"http:', '"url":"https:', '"url":"ws'):
        assert scheme not in events


def test_the_policy_stops_what_escaping_would_let_through(
    browser: webdriver.Chrome, tmp_path: Path, make_audit: Audit
) -> None:
    opened(browser, make_audit(), tmp_path)
    attack = "<img src=data:, onerror=\"document.title='broken'\">"
    browser.execute_script("document.body.insertAdjacentHTML('beforeend', arguments[0])", attack)
    browser.execute_async_script("setTimeout(arguments[0], 200)")
    assert browser.title == "made-up: audit"
