"""Tables of a study with the proposal's whole grid: what stands where, and that every figure is a number."""

from pathlib import Path

import pytest
from crossmodal.report.readme import published_tables

from crossmodal.report import adaptation_tables, robustness_tables
from crossmodal.report.cells import Grid
from crossmodal.report.lookup import Numbers
from crossmodal.report.markdown import fill
from crossmodal.report.page import ReportInputs
from crossmodal.statistics.numbers import Number as Row

pytestmark = pytest.mark.slow  # sums up 24 cells by the real code


@pytest.fixture(scope="module")
def found(grid_inputs: ReportInputs) -> Numbers:
    return Numbers(grid_inputs.numbers)


@pytest.fixture(scope="module")
def grid(grid_inputs: ReportInputs) -> Grid:
    return Grid.of("openmoji", list(grid_inputs.cells), grid_inputs.facts)


def test_cells_stand_in_groups(grid: Grid) -> None:
    assert [title for title, _ in grid.groups] == ["adaptation", "adversarial training", "adapted to fluent"]
    assert [len(cells) for _, cells in grid.groups] == [18, 4, 2]
    assert grid.home("full-fluent") == "fluent" and grid.home("full") == "openmoji"
    assert set(grid.highlighted) == {
        "zero-shot", "full", "lora-r8", "lora-r8-pgd", "full-pgd", "adapter-64-pgd", "lora-r8-fare",
    }  # fmt: skip
    assert Grid.of("openmoji", ["a", "b"]).groups == [("", ["a", "b"])]


def test_each_cell_is_shown_where_it_is_adapted_to(found: Numbers, grid: Grid) -> None:
    for table in (
        adaptation_tables.accuracy_table(found, grid),
        adaptation_tables.h1_table(found, grid),
        robustness_tables.selection_table(found, grid),
    ):
        assert table
        for row in table.rows:
            datasets = {f.number.dataset for f in row.figures if f} - {"-"}
            assert datasets == {grid.home(row.name)}
    h1 = [row.name for row in adaptation_tables.h1_table(found, grid).rows]
    assert "lora-r8-fluent" in h1 and "full" not in h1 and "full-fluent" not in h1


def test_the_parts_of_degradation_hold_every_shift_once(found: Numbers, grid: Grid) -> None:
    columns = {
        part: robustness_tables.robustness_table(found, grid, "mean", part).columns
        for part in robustness_tables.PARTS
    }
    assert columns["summary"] == [
        "mean of all shifts", "worst shift", *(f"mean of severity {n}" for n in (1, 2, 3, 4, 5)),
        "mean of text shifts", "worst text shift",
    ]  # fmt: skip
    assert (len(columns["images"]), len(columns["texts"])) == (9, 5)
    assert set(columns["datasets"]) == {"openmoji", "fluent", "twemoji", "monotone"}
    others = robustness_tables.robustness_table(found, grid, "mean", "datasets")
    own = {row.name: row.figures[others.columns.index("openmoji")] for row in others.rows}
    assert {cell for cell, figure in own.items() if figure} == {"full-fluent", "lora-r8-fluent"}


def test_threats_are_read_from_epsilon_zero_upwards(found: Numbers, grid: Grid) -> None:
    table = robustness_tables.threats_table(found, grid)
    assert table.groups == [("query image", 4), ("gallery image", 3), ("text", 4)]
    assert table.columns[:3] == ["R@1 %", "lost at 2/255 %", "lost at 4/255 %"]
    assert [row.name for row in table.rows][:2] == ["lora-r8", "full"]
    sanity = robustness_tables.sanity_table(found, grid, {"monotone": "It falls."})
    assert [row.note for row in sanity.rows] == ["It falls.", "", ""]
    failed = {
        (row.name, cell)
        for row in sanity.rows
        for cell, figure in zip(sanity.columns, row.figures, strict=True)
        if figure and figure.text == "✗ failed"
    }
    assert failed == {("unbounded", "lora-r8-fare")}


def test_costs_have_a_row_for_each_form(found: Numbers, grid: Grid) -> None:
    names = [row.name for row in adaptation_tables.costs_table(found, grid).rows]
    assert {"lora-r8", "lora-r8, unmerged", "adapter-64, unmerged", "full"} <= set(names)
    assert "adapter-64" not in names and "full, unmerged" not in names


def test_every_block_can_be_published(results: Path, numbers: list[Row]) -> None:
    tables = published_tables(results)
    assert {"h1", "pareto", "threats", "selection", "sanity", "shifts", "costs"} <= tables.keys()
    known = {number.number_id for number in numbers}
    for name, text in tables.items():
        assert name == "search" or "<!-- numbers: " in text
        for line in text.splitlines():
            if line.startswith("<!-- numbers: "):
                assert known.issuperset(line.removeprefix("<!-- numbers: ").removesuffix(" -->").split())
        for block in text.split("\n\n"):
            lines = [line for line in block.splitlines() if line.startswith("|")]
            assert len({line.count("|") - line.count("\\|") for line in lines}) <= 1, name
    assert "*adversarial training*" in tables["h1"]
    assert "Not measured" in tables["search"]
    page = fill("<!-- table:h1 -->\n<!-- /table -->", {"h1": tables["h1"]})
    assert "lora-r8-fluent" in page
