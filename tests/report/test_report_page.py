"""The page as text: complete, safe against its captions, the same bytes for the same inputs."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.errors import UserError
from crossmodal.report.page import ReportInputs, render, write_report
from crossmodal.report.scripts import json_for_script

SECTIONS = ["hypotheses", "accuracy", "robustness", "search", "gallery", "data", "environment"]


class Elements(HTMLParser):
    """All start tags with their attributes, and the text outside scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._open = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attrs}))
        self._open = tag

    def handle_data(self, data: str) -> None:
        if self._open not in ("script", "style"):
            self.text += data

    def of(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_the_same_inputs_give_the_same_bytes(inputs: ReportInputs, tmp_path: Path) -> None:
    write_report(inputs, tmp_path / "one.html")
    write_report(inputs, tmp_path / "two.html")
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()
    assert (tmp_path / "one.html").stat().st_size < 6_000_000


def test_the_page_refers_to_nothing_outside_itself(inputs: ReportInputs) -> None:
    for tag, attributes in Elements(render(inputs)).tags:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            assert attributes.get(name, "#").startswith(("data:", "#")), (tag, attributes)
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)


def test_captions_are_text_and_never_markup(inputs: ReportInputs) -> None:
    elements = Elements(render(inputs))
    assert len(elements.of("script")) == 3
    assert not elements.of("svg")
    for hostile in ("<script>alert(1)</script>", "</style><svg onload=alert(2)>", "{{ 7 * 7 }}"):
        assert hostile in elements.text


def test_every_number_that_is_shown_is_in_the_metrics(inputs: ReportInputs) -> None:
    known = set(inputs.numbers["number_id"])
    shown = [
        attributes for _, attributes in Elements(render(inputs)).tags if attributes.get("data-number-id")
    ]
    assert len(shown) > 150
    for attributes in shown:
        ids = attributes["data-number-id"].split()
        assert known.issuperset(ids)
        assert all(id in attributes["title"] for id in ids)


def test_the_level_of_intervals_is_the_studys(inputs: ReportInputs) -> None:
    page = render(replace(inputs, facts={"statistics": {"level": 0.9}}))
    page = page.replace("\N{NO-BREAK SPACE}", " ").replace(r"\u00a0", " ")  # in the page, in its JSON
    assert "brackets hold 90 % bootstrap intervals" in page and '"90 % interval from"' in page
    assert not re.search(r"95 % (\w+ )?interval", page)
    assert "brackets hold bootstrap intervals" in render(inputs), "not known, not stated"


def test_numbers_link_to_their_audit_where_there_is_one(inputs: ReportInputs) -> None:
    linked = Elements(render(replace(inputs, audit_href="audit.html"))).of("a")
    hrefs = {a["data-number-id"]: a["href"] for a in linked if "data-number-id" in a}
    id = "peft/lora-r8/s*/openmoji/test/clean/text_to_image/recall@1"
    assert hrefs[id] == f"audit.html#{id}"


def test_every_number_that_is_stated_links_to_its_audit(inputs: ReportInputs) -> None:
    elements = Elements(render(replace(inputs, audit_href="audit.html")))
    stated = [(tag, a) for tag, a in elements.tags if a.get("data-number-id")]
    assert len(stated) > 150
    for tag, attributes in stated:
        assert tag == "a"
        assert unquote(attributes["href"]) == f"audit.html#{attributes['data-number-id']}"
    kinds = {attributes["class"] for _, attributes in stated}
    assert kinds == {"value", "deviation", "stated"}
    assert "crossmodal audit --all --html" in elements.text
    assert "crossmodal audit --all --html" not in Elements(render(inputs)).text


def test_values_are_looked_up_and_not_typed(inputs: ReportInputs) -> None:
    id = "peft/lora-r8/s*/openmoji/test/clean/text_to_image/recall@1"
    numbers = inputs.numbers.copy()
    numbers.loc[numbers["number_id"] == id, ["value", "ci_low", "ci_high"]] = [0.4321, 0.4012, 0.4789]
    page = render(replace(inputs, numbers=numbers))
    assert re.search(rf'data-number-id="{re.escape(id)}"[^>]*>43\.2<', page)
    assert "[40.1,\N{NO-BREAK SPACE}47.9]" in page


def test_an_empty_study_still_gives_a_page(inputs: ReportInputs) -> None:
    elements = Elements(render(ReportInputs("nothing", "openmoji", inputs.numbers.iloc[:0], [])))
    assert [s["id"] for s in elements.of("section")] == SECTIONS
    assert "No index was measured in this study." in elements.text
    assert json.loads(re.search(r'id="specs">(.*?)</script>', render(inputs))[1])


@pytest.mark.parametrize("experiment", ["peft", "robustness", "search"])
def test_a_study_without_one_experiment_says_so(inputs: ReportInputs, experiment: str) -> None:
    numbers = inputs.numbers[inputs.numbers["experiment"] != experiment]
    elements = Elements(render(replace(inputs, numbers=numbers, queries={}, gallery=None)))
    assert sum(p.get("class") == "empty" for p in elements.of("p")) == 2  # the experiment and the gallery


def test_one_seed_shows_no_deviation(make_inputs: Callable[..., ReportInputs]) -> None:
    many = make_inputs()
    numbers = many.numbers.copy()
    numbers.loc[numbers["metric"].str.endswith("_std"), "value"] = None
    assert 'class="deviation"' in render(many)
    assert 'class="deviation"' not in render(replace(many, numbers=numbers))


def test_cells_stand_in_order_of_their_parameters(inputs: ReportInputs) -> None:
    page = render(replace(inputs, cells=["full", "lora-r8", "bitfit", "zero-shot"]))
    table = page[page.index("Recall by cell</caption>") :]
    order = re.findall(r'<th scope="row">([\w-]+)</th>', table)[:4]
    assert order == ["zero-shot", "bitfit", "lora-r8", "full"]


def test_wrong_inputs_are_named(inputs: ReportInputs) -> None:
    with pytest.raises(UserError, match="column 'unit' is missing"):
        render(replace(inputs, numbers=inputs.numbers.drop(columns="unit")))
    twice = inputs.numbers.iloc[[0, 0]]
    with pytest.raises(UserError, match="stands twice"):
        render(replace(inputs, numbers=twice))
    with pytest.raises(UserError, match="verdict 'maybe'"):
        render(replace(inputs, hypotheses=[{**inputs.hypotheses[0], "verdict": "maybe"}]))


@given(st.text(max_size=40))
def test_no_text_ends_the_script_that_holds_it(text: str) -> None:
    written = str(json_for_script({"caption": text, "close": f"</script>{text}<!--"}))
    assert "<" not in written and ">" not in written and written.isascii()
    assert json.loads(written)["caption"] == text
