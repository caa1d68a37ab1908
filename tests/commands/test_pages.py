"""The published pages: filled from the published numbers and the ledger alone, with their ids beside them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crossmodal.commands.pages import (
    companion,
    fill_pages,
    filled,
    outdated_pages,
    published_tables,
    read_stated,
    stated_numbers,
)
from crossmodal.errors import UserError
from crossmodal.experiments.peft.params import Params as Peft
from crossmodal.experiments.robustness.params import Params as Robustness
from crossmodal.experiments.search.params import Params as Search
from crossmodal.provenance.ledger import write_ledger
from crossmodal.statistics.numbers import Number
from crossmodal.statistics.published import published_path, read_published, write_published
from judged import number

README, RESULTS = Path("README.md"), Path("docs/results.md")
CELLS = {
    cell: {"dataset": "openmoji", "model": "towers", "method": method, "adversarial": False}
    for cell, method in (("full", "full"), ("lora-r8", "lora"))
}
RECALL = "peft/{}/s*/openmoji/test/clean/{}/recall@1"
KEPT = "peft/lora-r8/s*/openmoji/test/clean/mean/retention_recall@1"
SHIFTED = "robustness/full/s*/openmoji/test/{}/text_to_image/degradation_recall@1"
NUMBERS = [
    *(
        number(RECALL.format(cell, direction), value, value - 0.01, value + 0.01)
        for cell, value in (("full", 0.3), ("lora-r8", 0.29))
        for direction in ("text_to_image", "image_to_text")
    ),
    *(
        number(f"peft/{c}/s*/-/-/-/-/parameters_trainable", n, unit="count")
        for c, n in (("full", 9), ("lora-r8", 4))
    ),
    number(KEPT, 0.97, 0.96, 0.98),
    number("peft/full/s*/openmoji/test/clean/mean/gain_recall@1", 0.05, 0.04, 0.06),
    number(SHIFTED.format("fog-3"), 0.4, 0.3, 0.5),
    number(SHIFTED.format("typos-3"), 0.2, 0.1, 0.3),
]
PAGE = """# A study

<!-- table:hypotheses -->
<!-- /table -->
Words between | and _around_ them.
<!-- table:results -->
old
<!-- /table -->
"""
MORE = "<!-- table:robustness-text-to-image --><!-- /table -->\n<!-- table:search --><!-- /table -->\n"


def place(study: str, rule: str) -> str:
    """Return where the manifest of a rule's job is."""
    name = "metrics" if rule == "join_numbers" else f"sections/{rule.removeprefix('draw_')}"
    return f"results/{study}/{name}.manifest.json"


def manifests(study: str) -> dict[str, dict[str, Any]]:
    """Return what the ledger says of the jobs whose parameters the tables follow from."""
    shared = {"target": "openmoji", "cells": CELLS, "statistics": {}}
    shifts = {
        "fog-3": {"kind": "fog", "severity": 3, "modality": "images"},
        "typos-3": {"kind": "typos", "severity": 3, "modality": "texts"},
    }
    rooms = {"peft": Peft(cell="lora-r8", reference="full"), "robustness": Robustness(), "search": Search()}
    values = {name: room.model_dump(mode="json") for name, room in rooms.items()}
    parameters = {"join_numbers": shared | {"rooms": [list(pair) for pair in values.items()]}}
    parameters |= {f"draw_{name}": shared | {"room": room, "shifts": shifts} for name, room in values.items()}
    return {
        place(study, rule): {"rule": rule, "spec": {"parameters": own}} for rule, own in parameters.items()
    }


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repository with two pages, whose default study `mini` is published."""
    monkeypatch.chdir(tmp_path)
    RESULTS.parent.mkdir()
    README.write_text(PAGE)
    RESULTS.write_text(MORE)
    write_published(published_path("mini"), NUMBERS)
    write_ledger(Path("ledger.jsonl"), manifests("mini"))


def test_tables_stand_in_their_places(tmp_path: Path) -> None:
    assert fill_pages("mini") == [README, companion(README), RESULTS, companion(RESULTS)]
    text = README.read_text().replace("\N{NO-BREAK SPACE}", " ")
    assert text.startswith("# A study\n\n<!-- table:hypotheses -->\n| ")
    assert "\nWords between | and _around_ them.\n" in text and "old" not in text
    assert "keeps more than 95 % of the recall@1 of full" in text and "97.0 % [96.0, 98.0]" in text
    assert "**supported**" in text
    assert [line.split(" | ")[0] for line in text.splitlines() if "[28.0, 30.0]" in line] == ["| lora-r8"]
    more = RESULTS.read_text()
    assert "Shifts of images:" in more and "Shifts of texts:" in more and "Summaries:" not in more
    assert more.index("fog-3") < more.index("Shifts of texts:") < more.index("typos-3")
    assert "Not measured in this study." in more, "there is no search"


def test_ids_stand_beside_the_page_and_not_in_it() -> None:
    fill_pages("mini")
    known = read_published("mini")
    for page in (README, RESULTS):
        assert not [name for name in known if name in page.read_text()]
        stated = json.loads(companion(page).read_text())
        assert all(name in known for ids in stated.values() for name in ids)
    assert json.loads(Path("README.numbers.json").read_text())["results"] == [
        RECALL.format("lora-r8", "text_to_image"), RECALL.format("lora-r8", "image_to_text"),
        "peft/lora-r8/s*/-/-/-/-/parameters_trainable",
        RECALL.format("full", "text_to_image"), RECALL.format("full", "image_to_text"),
        "peft/full/s*/-/-/-/-/parameters_trainable",
    ]  # fmt: skip
    assert read_stated(RESULTS) == {
        "robustness-text-to-image": [SHIFTED.format("fog-3"), SHIFTED.format("typos-3")], "search": [],
    }  # fmt: skip
    assert stated_numbers() == {n.number_id for n in NUMBERS}
    assert stated_numbers("other") == set()


def test_filling_twice_changes_nothing() -> None:
    fill_pages("mini")
    files = {path: path.read_bytes() for path in (README, RESULTS, companion(README), companion(RESULTS))}
    assert fill_pages("mini") == [] and outdated_pages("mini") == []
    assert {path: path.read_bytes() for path in files} == files


def test_each_study_has_its_own_blocks() -> None:
    other = "<!-- table:other/results -->\nas it is\n<!-- /table -->\n"
    README.write_text(PAGE + other)
    companion(README).write_text(json.dumps({"other/results": ["a", "b"], "gone": ["c"]}))
    fill_pages("mini")
    assert README.read_text().endswith(other)
    assert read_stated(README)["other/results"] == ["a", "b"] and "gone" not in read_stated(README)
    assert stated_numbers("other") == {"a", "b"}

    default, stated = README.read_text(), read_stated(README)
    write_published(published_path("other"), [number(RECALL.format("full", "image_to_text"), 0.77)])
    write_ledger(Path("ledger.jsonl"), manifests("mini") | manifests("other"))
    assert fill_pages("other", "other") == [README, companion(README)]
    assert README.read_text().startswith(default.removesuffix(other)) and "| 77.0 |" in README.read_text()
    assert read_stated(README) | {"other/results": ["a", "b"]} == stated
    assert list(read_stated(README)) == ["hypotheses", "results", "other/results"], "as in the page"
    assert outdated_pages("mini") == outdated_pages("other", "other") == []


def changed_number() -> None:
    write_published(published_path("mini"), [number(NUMBERS[0].number_id, 0.31, 0.3, 0.32), *NUMBERS[1:]])


def changed_text() -> None:
    README.write_text(README.read_text().replace("29.0", "92.0"))


def changed_ids() -> None:
    companion(README).write_text(companion(README).read_text().replace("lora-r8", "lora-r9"))


def lost_ids() -> None:
    companion(README).unlink()


@pytest.mark.parametrize("change", [changed_number, changed_text, changed_ids, lost_ids])
def test_an_outdated_page_is_found(change: Callable[[], None]) -> None:
    fill_pages("mini")
    change()
    assert outdated_pages("mini") == [README]
    assert fill_pages("mini") and outdated_pages("mini") == []


@pytest.mark.parametrize("content", ["{", "[]", "[1]", '{"results": 1}'])
def test_a_broken_companion_is_named(content: str) -> None:
    companion(README).write_text(content)
    with pytest.raises(
        UserError, match=r"^README.numbers.json: no lists of ids by table .*`git checkout README"
    ):
        read_stated(README)


def test_an_unknown_table_is_named() -> None:
    RESULTS.write_text("<!-- table:nonsense --><!-- /table -->")
    with pytest.raises(
        UserError,
        match=r"docs/results.md: no table is called 'nonsense'; there are captions, chain, concepts, ",
    ):
        filled(RESULTS, "mini")
    assert filled(RESULTS, "mini", "other")[0] == RESULTS.read_text(), "it is none of this study's"


@pytest.mark.parametrize("page", [README, Path("docs/other.md")], ids=str)
@pytest.mark.parametrize("command", [fill_pages, outdated_pages])
def test_a_look_alike_of_a_marker_is_named(command: Callable[..., object], page: Path) -> None:
    fill_pages("mini")
    text = page.read_text() if page.exists() else "# Another page\n"
    page.write_text(f"{text}<!-- table:results. -->\n| full | 99.9 |\n<!-- /table -->\n")
    line = text.count("\n") + 1
    with pytest.raises(
        UserError, match=rf"^{page}:{line}: '<!-- table:results. -->' is part of no block [^\n]*$"
    ):
        command("mini")
    page.write_text(text)
    command("mini")


def test_a_study_that_is_not_published_is_named_where_a_page_speaks_of_it() -> None:
    assert outdated_pages("tiny", "tiny") == [], "no page does"
    README.write_text("<!-- table:tiny/results --><!-- /table -->")
    with pytest.raises(UserError, match=r"ledger.jsonl: says nothing of join_numbers of study 'tiny'"):
        fill_pages("tiny", "tiny")
    write_ledger(Path("ledger.jsonl"), manifests("tiny"))
    with pytest.raises(UserError, match=r"published/tiny.parquet: no such file"):
        fill_pages("tiny", "tiny")


def test_every_table_can_be_published() -> None:
    tables = published_tables("mini")
    assert set(tables) == {
        "hypotheses", "results", "domains", "h1", "pareto", "costs", "shifts", "robustness-text-to-image",
        "robustness-image-to-text", "threats", "sanity", "selection", "search", "search-blind", "search-shifted",
            "search-help", "search-again", "search-latency", "search-points", "search-stages", "concepts",
        "captions", "subsets", "pairs", "pairs-by-shift", "then-and-now", "chain",
    }  # fmt: skip
    known: dict[str, Number] = read_published("mini")
    for name, (text, ids) in tables.items():
        assert known.keys() >= set(ids), name
        assert bool(ids) == ("Not measured" not in text), name


@pytest.mark.parametrize(
    ("rule", "field", "value"),
    [
        ("join_numbers", "rooms", None),
        ("join_numbers", "target", 3),
        ("draw_peft", "room", []),
        ("draw_search", "cells", None),
    ],
)
def test_a_line_of_the_ledger_that_lacks_a_field_is_named(rule: str, field: str, value: object) -> None:
    ledger = manifests("mini")
    ledger[place("mini", rule)]["spec"]["parameters"][field] = value
    write_ledger(Path("ledger.jsonl"), ledger)
    expected = rf"^ledger\.jsonl: {place('mini', rule)} has no spec\.parameters\.{field} "
    with pytest.raises(UserError, match=expected):
        fill_pages("mini")


def test_how_long_the_published_run_took_is_filled_with_it(tmp_path: Path) -> None:
    page = Path("docs/performance.md")
    places = "<!-- table:totals -->\n| of 2 cores |\n<!-- /table --><!-- table:stages --><!-- /table -->"
    page.write_text(f"{places}<!-- table:bench -->as it was<!-- /table -->\n")
    times = {"started": "2026-01-01T00:00:00+00:00", "ended": "2026-01-01T00:00:30+00:00"}
    run = {"threads": 1, "peak_memory_bytes": 5e8, **times}
    other = {"results/tiny/a.manifest.json": {"rule": "of_another_study", **run}}
    write_ledger(Path("ledger.jsonl"), {p: m | run for p, m in manifests("mini").items()} | other)
    assert page in outdated_pages("mini") and page in fill_pages("mini")
    text = page.read_text()
    assert "| join_numbers | 1 | 30.0 |" in text and "of_another_study" not in text
    assert "100 % of 2 cores" not in text and "of 2 cores" in text and "as it was" in text
    assert page not in outdated_pages("mini") and page not in fill_pages("tiny", "tiny")


def test_a_second_line_that_says_it_is_of_the_same_rule_counts_for_nothing() -> None:
    """Once the first of them by name counted, wherever its manifest was."""
    ledger = manifests("mini")
    before = published_tables("mini")
    for rule in ("join_numbers", "draw_peft"):
        values = {**ledger[place("mini", rule)]["spec"]["parameters"], "rooms": [], "room": {}}
        forged = {"rule": rule, "spec": {"parameters": values}}
        ledger |= {f"results/mini/{name}.manifest.json": forged for name in ("a", "sections/a")}
    write_ledger(Path("ledger.jsonl"), ledger)
    assert published_tables("mini") == before


@pytest.mark.parametrize("line", [{"rule": "join_numbers"}, {"rule": "join_numbers", "spec": 3}, {}])
def test_a_line_of_the_ledger_without_a_spec_is_one_line(line: dict[str, Any]) -> None:
    ledger = manifests("mini") | {place("mini", "join_numbers"): line}
    write_ledger(Path("ledger.jsonl"), ledger)
    with pytest.raises(UserError, match=r"^ledger\.jsonl: [^\n]+$"):
        fill_pages("mini")
