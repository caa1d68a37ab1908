"""Pages as text: nothing fetched, nothing run, everything escaped."""

import base64
import hashlib
import re
from html.parser import HTMLParser

from crossmodal.serving.limits import Limits
from crossmodal.serving.page import answer_file, served_page
from served import HOSTILE, drawing


class Elements(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, page):
        super().__init__()
        self.found, self.text = [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


def test_a_file_needs_nothing_but_itself(session):
    page = answer_file("a red square", session.text("a red square", 24), 24)
    elements = Elements(page)
    images = [image for image in elements.all("img") if "hidden" not in image]
    assert len(images) == 24 and all(image["src"].startswith("data:image/png;base64,") for image in images)
    links = [value for _, attrs in elements.found for name, value in attrs.items() if name in ("src", "href")]
    assert all(link.startswith("data:") for link in links)
    assert not elements.all("script") and "http:" not in page and "https:" not in page
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (policy,) = [m["content"] for m in elements.all("meta") if m.get("http-equiv")]
    assert f"style-src 'sha256-{digest}'" in policy and "default-src 'none'" in policy
    assert not any("style" in attrs for _, attrs in elements.found), "the policy stops styles in attributes"


def test_whatever_a_caption_a_query_or_a_place_holds_is_text(session):
    hits = session.text("a red square", 24)
    assert any(hit.caption == HOSTILE for hit in hits)
    for page in (
        answer_file(HOSTILE, hits, 24),
        served_page(hits, 24, Limits(), text=HOSTILE),
        served_page([], 24, Limits(), problem=HOSTILE),
    ):
        elements = Elements(page)
        assert HOSTILE in elements.text
        assert [script.get("src") for script in elements.all("script")] in ([], ["/page.js"])
        assert not any(name.startswith("on") for _, attrs in elements.found for name in attrs)
        assert {image.get("src", "")[:5] for image in elements.all("img")} <= {"data:", "/pict", ""}


def test_a_served_page_holds_no_path(session, drawings, index):
    page = served_page(session.text("a red square", 24), 24, Limits(), text="a red square")
    assert str(drawings[0].parent) not in page and ".parquet" not in page and str(index[0].parent) not in page
    assert 'href="/?like=' in page and 'src="/pictures/' in page


def test_a_file_says_where_pictures_are_and_what_was_asked_with(session, drawings):
    image = drawing("red", "square")
    page = answer_file(image, session.image(image, 3), 24)
    text = Elements(page.replace("<wbr>", "")).text
    assert f"{drawings[0]}#" in text and "The 3 pictures most like this one" in text
    assert page.count(f"data:image/png;base64,{base64.b64encode(image).decode()}") == 2, (
        "the query, and itself"
    )


def test_a_page_of_nothing_is_a_page():
    assert "The 0 pictures that fit" in answer_file("x", [], 0)
    assert "0 of the 0 pictures" in served_page([], 0, Limits())


def test_items_without_a_picture_say_so(index):
    from crossmodal.serving.session import open_session
    from served import model_of

    hits = open_session(index[0], model_of(index[1])).text("a red square", 2)
    elements = Elements(answer_file("a red square", hits, 24))
    assert elements.text.count("no picture") == 2
