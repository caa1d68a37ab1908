"""The served page and a written one in a real browser: no error, nothing fetched from elsewhere, nothing run."""

from collections.abc import Iterator

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from crossmodal.serving.page import answer_file
from crossmodal.serving.pictures import Pictures
from crossmodal.serving.session import open_session
from real_browser import needs_chromium
from served import HOSTILE, drawing, model_of, running

pytestmark = [
    pytest.mark.slow,
    needs_chromium,
]
SHOWN = "return [...document.querySelectorAll('.cards img')].every((i) => i.complete && i.naturalWidth)"


@pytest.fixture(scope="module")
def address(index, drawings) -> Iterator[str]:
    with running(open_session(index[0], model_of(index[1]), Pictures([drawings[0]]))) as found:
        yield found


def opened(browser: webdriver.Chrome, url: str, width: int = 1280, scheme: str = "light") -> None:
    """Open a page in a window `width` px wide and scroll through it, so that every picture is drawn."""
    for log in ("browser", "performance"):
        browser.get_log(log)  # reading a log empties it
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.get(url)
    browser.execute_script("document.querySelectorAll('img').forEach((i) => { i.loading = 'eager'; })")
    wait(browser, lambda: browser.execute_script(SHOWN))


def wait(browser: webdriver.Chrome, condition) -> None:
    WebDriverWait(browser, 60).until(lambda _: condition())


def names(browser: webdriver.Chrome) -> list[str]:
    return [found.text for found in browser.find_elements(By.CSS_SELECTOR, ".cards .name")]


def errors(browser: webdriver.Chrome) -> list[str]:
    return [e["message"] for e in browser.get_log("browser") if e["level"] in ("SEVERE", "WARNING")]


def test_a_text_is_typed_and_answered(browser, address, session):
    opened(browser, address)
    assert len(names(browser)) == 18 and "18 of the 24 pictures" in browser.page_source
    field = browser.find_element(By.NAME, "q")
    assert browser.switch_to.active_element == field
    field.send_keys("a red square", Keys.ENTER)
    wait(browser, lambda: "q=a+red+square" in browser.current_url and browser.execute_script(SHOWN))
    assert names(browser) == [hit.name for hit in session.text("a red square", 10)]
    assert browser.find_element(By.TAG_NAME, "h1").text == "The 10 pictures that fit “a red square” best"
    assert browser.find_element(By.NAME, "q").get_property("value") == "a red square"
    assert errors(browser) == []


def test_a_picture_leads_to_what_is_most_like_it(browser, address):
    opened(browser, f"{address}/?q=a+red+square&top=24")
    name = names(browser)[3]
    browser.find_elements(By.CSS_SELECTOR, ".cards .picture")[3].click()
    wait(browser, lambda: "like=" in browser.current_url and browser.execute_script(SHOWN))
    assert names(browser)[0] == name
    assert browser.find_element(By.TAG_NAME, "h1").text == f"The 10 pictures most like {name}"
    assert browser.find_element(By.CSS_SELECTOR, ".summary .query").is_displayed()
    browser.back()
    wait(browser, lambda: "q=a+red+square" in browser.current_url)
    assert names(browser)[3] == name, "the page's state is its address"


def test_an_image_is_chosen_and_answered(browser, address, tmp_path):
    (tmp_path / "mine.png").write_bytes(drawing("grey", "stripe"))
    opened(browser, f"{address}/?q=a+red+square&top=24")
    browser.find_element(By.CSS_SELECTOR, "input[type=file]").send_keys(str(tmp_path / "mine.png"))
    wait(browser, lambda: "most like this one" in browser.find_element(By.TAG_NAME, "h1").text)
    wait(browser, lambda: browser.execute_script(SHOWN))
    assert names(browser)[0] == "grey-stripe" and len(names(browser)) == 24
    scores = [float(e.text) for e in browser.find_elements(By.CSS_SELECTOR, ".score")]
    assert scores[0] == 1 and scores == sorted(scores, reverse=True)
    query = browser.find_element(By.CSS_SELECTOR, ".summary .query")
    assert query.get_property("naturalWidth") == 48
    assert errors(browser) == []
    text = browser.execute_script("return document.querySelector('.cards').textContent")
    assert (
        HOSTILE in text and browser.execute_script("return document.querySelectorAll('script').length") == 1
    )


def test_a_file_that_is_no_image_is_refused_in_words(browser, address, tmp_path):
    (tmp_path / "mine.png").write_text("no image")
    (tmp_path / "large.png").write_bytes(bytes(10_000_001))
    opened(browser, f"{address}/?q=a+red+square")
    for name, words in (("mine.png", "the body is no PNG"), ("large.png", "at most 10,000,000 are taken")):
        browser.find_element(By.CSS_SELECTOR, "input[type=file]").send_keys(str(tmp_path / name))
        problem = browser.find_element(By.CSS_SELECTOR, ".problem")
        wait(browser, lambda problem=problem, words=words: words in problem.text)
        assert problem.is_displayed()


def test_a_picture_can_be_dropped_on_the_page(browser, address):
    opened(browser, f"{address}/?q=a+red+square")
    browser.execute_async_script(
        """const [row, done] = arguments;
        fetch(`/pictures/${row}`).then((answer) => answer.blob()).then((blob) => {
          const data = new DataTransfer();
          data.items.add(new File([blob], 'dropped.png', { type: 'image/png' }));
          document.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
          done();
        });""",
        7,
    )
    wait(browser, lambda: "most like this one" in browser.find_element(By.TAG_NAME, "h1").text)
    assert names(browser)[0] == "blue-circle"


def test_nothing_comes_from_elsewhere_and_hostile_captions_are_text(browser, address):
    opened(browser, f"{address}/?q=a+red+square&top=24")
    events = "".join(entry["message"] for entry in browser.get_log("performance"))
    assert "Network.requestWillBeSent" in events and '"url":"https:' not in events
    names_of = "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    assert all(name.startswith((address, "data:")) for name in browser.execute_script(names_of))
    assert HOSTILE in browser.execute_script("return document.body.textContent")
    assert browser.title == "a red square · crossmodal" and errors(browser) == []


def test_the_policy_stops_what_escaping_would_let_through(browser, address):
    opened(browser, f"{address}/?q=a+red+square")
    attack = "<img src=data:, onerror=\"document.title='broken'\">"
    browser.execute_script("document.body.insertAdjacentHTML('beforeend', arguments[0])", attack)
    browser.execute_async_script("setTimeout(arguments[0], 200)")
    assert browser.title == "a red square · crossmodal"


def test_a_written_page_opens_from_a_file(browser, session, tmp_path):
    page = tmp_path / "out.html"
    page.write_text(answer_file("a red square", session.text("a red square", 24), 24), encoding="utf-8")
    opened(browser, page.as_uri())
    assert len(names(browser)) == 24 and errors(browser) == []
    assert HOSTILE in browser.execute_script("return document.body.textContent")
    names_of = "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    assert all(name.startswith("data:") for name in browser.execute_script(names_of))


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_can_be_read(browser, address, width, scheme):
    """Nothing scrolls sideways, and text stands out from the ground by 4.5 to 1 at least (WCAG 2.2, 1.4.3)."""
    opened(browser, f"{address}/?q={'a+very+long+query+' * 15}&top=24", width, scheme)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    lowest = browser.execute_script(
        """const linear = (v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
        const light = (c) => c.map((v) => linear(v / 255))
          .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
        const parts = (text) => text.match(/[0-9.]+/g).map(Number);
        const ground = (e) => {
          for (; e; e = e.parentElement) {
            const c = parts(getComputedStyle(e).backgroundColor);
            if (c.length < 4 || c[3] > 0) return c.slice(0, 3);
          }
          return [255, 255, 255];
        };
        const texts = '.brand, .brand span, h1, .rank, .name, .score, .caption, button, .upload span';
        return Math.min(...[...document.querySelectorAll(texts)].map((e) => {
          const [a, b] = [light(parts(getComputedStyle(e).color).slice(0, 3)), light(ground(e))];
          return (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
        }));"""
    )
    assert lowest >= 4.5
