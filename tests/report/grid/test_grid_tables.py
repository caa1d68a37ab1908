"""Tables of a study with the proposal's whole grid: what stands where, and that every figure is a number."""

from pathlib import Path

import pytest

from crossmodal.commands.pages import published_tables
from crossmodal.experiments.peft.tables import costs_table, h1_table
from crossmodal.experiments.robustness import tables
from crossmodal.experiments.robustness.records import ShiftFacts
from crossmodal.provenance.ledger import write_ledger
from crossmodal.report.accuracy import accuracy_table
from crossmodal.report.cells import Grid
from crossmodal.report.lookup import Numbers
from crossmodal.report.markdown import fill
from crossmodal.report.page import ReportInputs
from crossmodal.statistics.numbers import Number as Row
from crossmodal.statistics.published import published_path, write_published
from drawn_sections import cell_values, drawing_values

pytestmark = pytest.mark.slow  # sums up 24 cells by the real code


@pytest.fixture(scope="module")
def found(grid_inputs: ReportInputs) -> Numbers:
    return grid_inputs.numbers


@pytest.fixture(scope="module")
def grid(facts: dict) -> Grid:
    return Grid.of("openmoji", facts["cells"], ["zero-shot", "full", "lora-r8", "lora-r8-pgd"])


@pytest.fixture(scope="module")
def shifts(facts: dict) -> dict[str, ShiftFacts]:
    return {name: ShiftFacts.model_validate(shift) for name, shift in facts["shifts"].items()}


def test_cells_stand_in_groups(grid: Grid) -> None:
    assert [title for title, _ in grid.groups] == ["adaptation", "adversarial training", "adapted to fluent"]
    assert [len(cells) for _, cells in grid.groups] == [18, 4, 2]
    assert grid.home("full-fluent") == "fluent" and grid.home("full") == "openmoji"
    assert set(grid.highlighted) == {
        "zero-shot", "full", "lora-r8", "lora-r8-pgd", "full-pgd", "adapter-64-pgd", "lora-r8-fare",
    }  # fmt: skip
    assert Grid.of("openmoji", cell_values(["a", "b"])).groups == [("", ["a", "b"])]


def test_each_cell_is_shown_where_it_is_adapted_to(found: Numbers, grid: Grid) -> None:
    for table in (
        accuracy_table(found, grid),
        h1_table(found, grid),
        tables.selection_table(found, grid),
    ):
        assert table
        for row in table.rows:
            datasets = {f.number.dataset for f in row.figures if f} - {"-"}
            assert datasets == {grid.home(row.name)}
    h1 = [row.name for row in h1_table(found, grid).rows]
    assert "lora-r8-fluent" in h1 and "full" not in h1 and "full-fluent" not in h1


def test_the_parts_of_degradation_hold_every_shift_once(found: Numbers, grid: Grid, shifts) -> None:
    columns = {
        part: tables.robustness_table(found, grid, shifts, "mean", part).columns for part in tables.PARTS
    }
    # Only severity 3 has several kinds, only two kinds have several severities.
    assert columns["summary"] == [
        "mean of all shifts", "worst kind", "mean of severity 3", "mean of gaussian noise",
        "mean of jpeg compression", "mean of text shifts", "worst kind of text shift",
    ]  # fmt: skip
    assert (len(columns["images"]), len(columns["texts"])) == (9, 5)
    rows = tables.robustness_table(found, grid, shifts, "mean", "images").rows
    assert "full" in {row.name for row in rows} and {grid.home(row.name) for row in rows} == {"openmoji"}


def test_threats_are_read_from_epsilon_zero_upwards(found: Numbers, grid: Grid) -> None:
    table = tables.threats_table(found, grid)
    assert table.groups == [("query image", 4), ("gallery image", 3), ("text", 4)]
    assert table.columns[:3] == ["R@1 %", "lost at 2/255 %", "lost at 4/255 %"]
    assert [row.name for row in table.rows][:2] == ["lora-r8", "full"]
    sanity = tables.sanity_table(found, grid, {"monotone": "It falls."})
    assert [row.note for row in sanity.rows] == ["It falls.", "", ""]
    failed = {
        (row.name, cell)
        for row in sanity.rows
        for cell, figure in zip(sanity.columns, row.figures, strict=True)
        if figure and figure.text == "✗ failed"
    }
    assert failed == {("unbounded", "lora-r8-fare")}


def test_costs_have_a_row_for_each_form(found: Numbers, grid: Grid) -> None:
    names = [row.name for row in costs_table(found, grid).rows]
    assert {"lora-r8", "lora-r8, unmerged", "adapter-64, unmerged", "full"} <= set(names)
    assert "adapter-64" not in names and "full, unmerged" not in names


def test_every_block_can_be_published(
    numbers: list[Row], facts: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    values = {
        room: drawing_values(room, facts["cells"], facts["roles"].get(room, {}), facts["shifts"])
        for room in ("peft", "robustness", "search")
    }
    rooms = [[room, own["room"]] for room, own in values.items()]
    join = {"target": "openmoji", "cells": facts["cells"], "statistics": {}, "rooms": rooms}
    parameters = {"join_numbers": join, **{f"draw_{room}": own for room, own in values.items()}}
    places = {"join_numbers": "metrics", **{f"draw_{room}": f"sections/{room}" for room in values}}
    ledger = {
        f"results/mine/{places[rule]}.manifest.json": {"rule": rule, "spec": {"parameters": own}}
        for rule, own in parameters.items()
    }
    write_ledger(Path("ledger.jsonl"), ledger)
    write_published(published_path("mine"), numbers)
    blocks = published_tables("mine")
    assert {"h1", "pareto", "threats", "selection", "sanity", "shifts", "costs"} <= blocks.keys()
    known = {number.number_id for number in numbers}
    absent = {
        "subsets", "concepts", "captions", "pairs", "pairs-by-shift", "then-and-now",
        "chain",
    }  # fmt: skip
    for name, (text, ids) in blocks.items():
        assert bool(ids) == (name not in absent and not name.startswith("search")), name
        assert known.issuperset(ids) and not any(id in text for id in ids)
        for block in text.split("\n\n"):
            lines = [line for line in block.splitlines() if line.startswith("|")]
            assert len({line.count("|") - line.count("\\|") for line in lines}) <= 1, name
    assert "*adversarial training*" in blocks["h1"][0]
    assert "Not measured" in blocks["search"][0]
    page = fill("<!-- table:h1 -->\n<!-- /table -->", {"h1": blocks["h1"][0]})
    assert "lora-r8-fluent" in page


def test_twins_stand_beside_the_cells_that_are_chosen_among(found: Numbers, grid: Grid) -> None:
    table = tables.selection_table(found, grid)
    rows = {row.name: row.figures for row in table.rows}
    chosen = table.columns.index("chosen")
    candidates = found.distinct("cell", experiment="peft", metric="adversarial_chosen")
    assert sorted(name for name, figures in rows.items() if figures[chosen]) == sorted(candidates)
    assert {"full", "lora-r8", "full-pgd", "lora-r8-pgd"} <= rows.keys()
