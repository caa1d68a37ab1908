"""The page as text: complete, safe against its captions, the same bytes for the same inputs."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal import registry
from crossmodal.errors import UserError
from crossmodal.report.cells import Grid
from crossmodal.report.page import Question, ReportInputs, render, write_report
from crossmodal.report.scripts import json_for_script
from crossmodal.report.section import draw_section
from drawn_sections import cell_values, draw, drawing_values
from made_up_numbers import CELLS

SECTIONS = [
    "hypotheses", "accuracy", "peft", "robustness", "search", "scale", "zero_shot", "continual",
    "encoders", "few_shot", "tuning", "probes", "gallery", "data", "environment",
]  # fmt: skip
AUDIT = "audit.html#"
"""The page beside the report that explains each number; nothing else outside it is referred to."""


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
            beside = AUDIT if "data-number-id" in attributes else "#"
            assert attributes.get(name, "#").startswith(("data:", "#", beside)), (tag, attributes)
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)


def test_captions_are_text_and_never_markup(inputs: ReportInputs) -> None:
    elements = Elements(render(inputs))
    assert len(elements.of("script")) == 3
    assert not elements.of("svg")
    for hostile in ("<script>alert(1)</script>", "</style><svg onload=alert(2)>", "{{ 7 * 7 }}"):
        assert hostile in elements.text


def test_every_number_that_is_shown_is_in_the_metrics(inputs: ReportInputs) -> None:
    known = {number.number_id for number in inputs.numbers}
    shown = [
        attributes for _, attributes in Elements(render(inputs)).tags if attributes.get("data-number-id")
    ]
    assert len(shown) > 150
    for attributes in shown:
        ids = attributes["data-number-id"].split()
        assert known.issuperset(ids)
        assert all(id in attributes["title"] for id in ids)


def test_the_level_of_intervals_is_the_studys(study) -> None:
    page = render(study.inputs(level=0.9))
    page = page.replace("\N{NO-BREAK SPACE}", " ").replace(r"\u00a0", " ")  # in the page, in its JSON
    assert (
        "brackets hold 90 % bootstrap intervals" in re.sub(r"</?span[^>]*>", "", page)
        and '"90 % interval from"' in page
    )
    assert not re.search(r"95 % (\w+ )?interval", page)


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
    command = f"crossmodal audit --all --study {inputs.study} --html results/{inputs.study}/report/audit.html"
    assert command in elements.text
    assert "crossmodal audit --all" not in Elements(render(inputs)).text


def test_values_are_looked_up_and_not_typed(study) -> None:
    id = "peft/lora-r8/s*/openmoji/test/clean/text_to_image/recall@1"
    numbers = study.frame.copy()
    numbers.loc[numbers["number_id"] == id, ["value", "ci_low", "ci_high"]] = [0.4321, 0.4012, 0.4789]
    page = render(study.changed(numbers).inputs())
    assert re.search(rf'data-number-id="{re.escape(id)}"[^>]*>43\.2<', page)
    assert "[40.1, 47.9]" in page


def test_an_empty_study_still_gives_a_page(study, inputs: ReportInputs) -> None:
    empty = study.changed(study.frame.iloc[:0])
    questions = empty.inputs().questions
    elements = Elements(
        render(ReportInputs("nothing", Grid.of("openmoji", {}), empty.numbers, questions=questions))
    )
    assert [s["id"] for s in elements.of("section")] == SECTIONS
    assert "No index was measured in this study" in elements.text
    assert "No learning rate was searched for in this study" in elements.text
    assert "Nothing was tried without a model in this study" in elements.text
    assert "No degradation under shift was measured in this study" in elements.text
    assert "Nothing was measured at size in this study" in elements.text
    assert "Nothing was tried: zero_shot.domains" in elements.text
    assert "Nothing was learnt in sessions: continual.dataset" in elements.text
    assert "No encoders are compared: encoders.cells" in elements.text
    assert "Nothing was classified: few_shot.sets" in elements.text
    assert "Nothing is compared in this study" in elements.text
    assert json.loads(re.search(r'id="specs">(.*?)</script>', render(inputs))[1])


def test_a_study_that_asks_nothing_has_no_questions(study) -> None:
    elements = Elements(render(ReportInputs("nothing", Grid.of("openmoji", {}), study.numbers)))
    assert [s["id"] for s in elements.of("section")] == [
        name for name in SECTIONS if name not in registry.rooms()
    ]
    assert "The study asks no question beside how accurate its cells are." in elements.text
    assert not [ol for ol in elements.of("ol") if ol.get("class") == "questions"]


def chips(html: str) -> list[str]:
    """Return the verdicts that are shown as chips."""
    return re.findall(r'class="chip (\w+)(?: small)?"', html)


def test_each_question_stands_in_the_lead_and_over_its_section_with_its_verdicts(inputs) -> None:
    page = render(inputs)
    (lead,) = re.findall(r'<ol class="questions">(.*?)</ol>', page, re.DOTALL)
    items = re.findall(r"<li>(.*?)</li>", lead, re.DOTALL)
    verdicts = {
        "peft": ["inconclusive", "refuted"],
        "robustness": ["refuted"],
        "search": ["supported"],
        "scale": [],  # of the same hypothesis as search, and none of its claims
        "zero_shot": [],
        "continual": [],
        "encoders": [],
        "few_shot": [],
        "tuning": [],
        "probes": [],
    }
    assert len(items) == len(inputs.questions) == len(verdicts)
    for item, asked in zip(items, inputs.questions, strict=True):
        assert f'href="#{asked.name}"' in item and asked.question in item
        assert chips(item) == verdicts[asked.name]
        (head,) = re.findall(
            rf'<section id="{asked.name}">\n<h2>(.*?)</h2>\n<p class="question">(.*?)</p>\n'
            r'(<p class="chips">.*?</p>|)', page, re.DOTALL,
        )  # fmt: skip
        assert head[:2] == (asked.title, asked.question) and chips(head[2]) == verdicts[asked.name]
        for verdict in verdicts[asked.name]:
            assert verdict in Elements(item).text and verdict in Elements(head[2]).text, (
                "not told by colour alone"
            )
    nav = page[page.index("<nav") : page.index("</nav>")]
    assert re.findall(r'href="#([\w-]+)"', nav) == ["top", *SECTIONS]


def test_every_chart_has_a_box_and_every_box_a_chart(inputs) -> None:
    page = render(inputs)
    specs = json.loads(re.search(r'id="specs">(.*?)</script>', page)[1])
    boxes = [
        attributes["data-chart"] for attributes in Elements(page).of("div") if "data-chart" in attributes
    ]
    assert sorted(boxes) == sorted(specs) and len(specs) == 17


@pytest.mark.parametrize(
    ("experiment", "empty"),
    [(room, 3 if room == "peft" else 2) for room in registry.rooms()],
)
def test_a_study_without_one_experiment_says_so(
    study, inputs: ReportInputs, experiment: str, empty: int
) -> None:
    numbers = study.frame[study.frame["experiment"] != experiment]
    # A section that states none of its numbers, in a table or in a chart, is the one that is drawn already.
    questions = [
        replace(
            asked,
            section=draw(asked.name, numbers, drawing_values(asked.name, cell_values(CELLS)), study.folder),
        )
        if asked.name == experiment or f"{experiment}/" in asked.section.read_text()
        else asked
        for asked in inputs.questions
    ]
    changed = study.changed(numbers).inputs(questions=questions, queries={}, gallery=None)
    elements = Elements(render(changed))
    # The experiment and the gallery; without `peft` there is no accuracy either.
    assert sum(p.get("class") == "empty" for p in elements.of("p")) == empty


def test_an_experiment_that_drew_nothing_names_its_key(inputs: ReportInputs, tmp_path: Path) -> None:
    (tmp_path / "nothing.json").write_text('{"html": "", "charts": {}}')
    asked = Question("peft", "H1", "Title", "Why?", tmp_path / "nothing.json")
    assert (
        "Nothing was measured: peft in params.yaml names what is."
        in Elements(render(replace(inputs, questions=[asked]))).text
    )


def test_one_seed_shows_no_deviation(study, inputs: ReportInputs) -> None:
    numbers = study.frame.copy()
    numbers.loc[numbers["metric"].str.endswith("_std"), "value"] = None
    assert 'class="deviation"' in render(inputs)
    assert 'class="deviation"' not in render(study.changed(numbers).inputs())


def test_the_lead_says_how_many_seeds_cells_have(study, inputs: ReportInputs) -> None:
    def lead(kept: list[str]) -> str:
        frame = study.frame
        kept = study.changed(frame[~frame["seed"].isin(["0", "1", "2"]) | kept])
        return " ".join(Elements(render(kept.inputs(questions=inputs.questions))).text.split())

    seed, cell = study.frame["seed"], study.frame["cell"]
    own = study.frame["experiment"] == "peft"
    assert re.search(r"measured on openmoji, [\d,]+ numbers", lead(~own)), (
        "an index's runs are no seeds of a cell"
    )
    assert re.search(r"measured on openmoji with 1 seed, [\d,]+ numbers", lead(seed == "0"))
    assert re.search(
        r"with 1 to 2 seeds a cell, [\d,]+ numbers", lead((seed == "0") | (seed == "1") & (cell == "full"))
    )


def test_cells_stand_in_order_of_their_parameters(study) -> None:
    page = render(replace(study, cells=["full", "lora-r8", "bitfit", "zero-shot"]).inputs())
    table = page[page.index("Recall by cell</caption>") :]
    order = re.findall(r'<th scope="row">([\w-]+)</th>', table)[:4]
    assert order == ["zero-shot", "bitfit", "lora-r8", "full"]


def test_wrong_inputs_are_named(study, inputs: ReportInputs) -> None:
    with pytest.raises(UserError, match="column 'unit' is missing"):
        study.changed(study.frame.drop(columns="unit")).inputs()
    twice = study.frame.iloc[[0, 0]]
    with pytest.raises(UserError, match="stands twice"):
        study.changed(twice).inputs()
    wrong = {**inputs.hypotheses[0], "verdict": "maybe"}
    with pytest.raises(UserError, match="verdict 'maybe'"):
        render(replace(inputs, hypotheses=[wrong]))


@given(st.text(max_size=40))
def test_no_text_ends_the_script_that_holds_it(text: str) -> None:
    written = str(json_for_script({"caption": text, "close": f"</script>{text}<!--"}))
    assert "<" not in written and ">" not in written and written.isascii()
    assert json.loads(written)["caption"] == text


def test_two_sections_cannot_draw_a_chart_of_one_name(inputs: ReportInputs, tmp_path: Path) -> None:
    """The page holds charts by name: the second of a name would be drawn in the boxes of both."""
    template = tmp_path / "section.html"
    template.write_text("")
    questions = list(inputs.questions)
    for place, name in enumerate(("theirs", "accuracy-text_to_image")):
        drawn = tmp_path / f"{name}.json"
        draw_section(drawn, template, {name: {"mark": "point"}}, 0.95)
        questions[place] = replace(questions[place], section=drawn)
    section = questions[1].name
    with pytest.raises(UserError) as error:
        render(replace(inputs, questions=questions))
    assert str(error.value) == (
        f"the sections accuracy and {section} both draw a chart accuracy-text_to_image: rename one of them"
    )
