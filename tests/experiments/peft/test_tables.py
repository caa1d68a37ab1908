"""Tables and charts of H1: what stands in them is what was measured."""

import pandas as pd
import pytest

from crossmodal.experiments.peft.charts import pareto_charts, pareto_frame
from crossmodal.experiments.peft.tables import PARETO, costs_table, h1_table, pareto_cost, pareto_table
from crossmodal.report.cells import Grid
from crossmodal.report.chart_parts import QUIET
from crossmodal.report.lookup import Numbers
from drawn_sections import cell_values
from made_up_numbers import CELLS, metric_rows

RECALLS = {"zero-shot": 0.1, "lora-r8": 0.3, "bitfit": 0.2, "full": 0.4}
FRONTIER = {"zero-shot": True, "lora-r8": True, "bitfit": False, "full": True}
"""A made-up frontier over trainable parameters."""


def frontier_rows() -> pd.DataFrame:
    """Return recall and membership of the frontier of each cell, as the numbers of H1 have them."""
    place = {"experiment": "peft", "seed": "*", "dataset": "openmoji", "split": "test", "variant": "clean"}
    place |= {"direction": "mean", "ci_low": None, "ci_high": None, "n_queries": 9, "source": "x"}
    rows = [
        place | {"cell": cell, "metric": metric, "value": value, "unit": unit}
        for cell, recall in RECALLS.items()
        for metric, value, unit in (
            ("recall@1", recall, "fraction"),
            ("pareto_parameters", float(FRONTIER[cell]), "yes/no"),
            ("pareto_parameters_probability", 0.9, "fraction"),
        )
    ]
    for row in rows:
        row["number_id"] = f"peft/{row['cell']}/s*/openmoji/test/clean/mean/{row['metric']}"
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def numbers() -> Numbers:
    return Numbers(pd.concat([metric_rows(shifts=()), frontier_rows()], ignore_index=True))


@pytest.fixture(scope="module")
def grid() -> Grid:
    return Grid.of("openmoji", cell_values(CELLS))


def test_cells_that_are_compared_have_a_row(numbers: Numbers, grid: Grid) -> None:
    table = h1_table(numbers, grid, "lora-r8")
    assert [row.name for row in table.rows] == ["bitfit", "lora-r8", "lora-r8-pgd"]
    assert [title for title, _ in table.groups] == ["R@1 kept", "R@5 kept", "gain kept, mean"]
    gain = table.rows[0].figures[table.columns.index("R@1 %", 6)]
    assert gain is not None and gain.text == "–", "undefined, and not left out"


def test_costs_have_a_row_for_each_form_and_training_stands_once(numbers: Numbers, grid: Grid) -> None:
    table = costs_table(numbers, grid)
    assert [row.name for row in table.rows] == [
        "zero-shot", "full", "full, unmerged", "bitfit", "lora-r8", "lora-r8, unmerged", "lora-r8-pgd",
    ]  # fmt: skip
    saved = table.columns.index("parameters saved %")
    shown = {row.name: row.figures[saved] is not None for row in table.rows}
    assert shown == {row.name: not row.name.endswith("unmerged") for row in table.rows}


def test_a_cost_is_of_the_merged_form_where_there_is_one(numbers: Numbers) -> None:
    assert pareto_cost(numbers, "lora-r8", "latency").variant == "merged"
    only = Numbers(metric_rows(shifts=()).query("variant != 'merged'"))
    assert pareto_cost(only, "lora-r8", "latency").variant == "unmerged"
    assert pareto_cost(only, "bitfit", "latency") is None


def test_the_frontier_is_drawn_as_steps_and_tabled(numbers: Numbers, grid: Grid) -> None:
    frame = pareto_frame(numbers, grid, "parameters")
    assert dict(zip(frame["cell"], frame["frontier"], strict=True)) == {c: FRONTIER[c] for c in frame["cell"]}
    assert set(frame["cell"]) == set(RECALLS)
    specs = pareto_charts(numbers, grid)
    assert list(specs) == ["pareto-parameters"], "nothing is known of the others"
    spec = specs["pareto-parameters"]
    line = next(layer for layer in spec["layer"] if layer["mark"]["type"] == "line")
    assert line["mark"]["interpolate"] == "step-after"
    rows = pd.DataFrame(spec["datasets"][line["data"]["name"]])
    assert rows["x"].is_monotonic_increasing and rows["value"].is_monotonic_increasing
    labels = [layer for layer in spec["layer"] if layer["mark"]["type"] == "text"]
    rows = [row for layer in labels for row in spec["datasets"][layer["data"]["name"]] if "cell" in row]
    assert {row["cell"] for row in rows} >= {cell for cell, member in FRONTIER.items() if member}
    point = next(layer for layer in spec["layer"] if layer["mark"]["type"] == "point")["encoding"]
    found = dict(zip(point["color"]["scale"]["domain"], point["color"]["scale"]["range"], strict=True))
    expected = {cell: style.colour if FRONTIER.get(cell) else QUIET for cell, style in grid.styles.items()}
    assert found == expected, "on the frontier the colour that a cell has in all charts"
    table = pareto_table(numbers, grid)
    assert {row.name for row in table.rows} == set(RECALLS)
    assert table.groups == [("", 1), (PARETO["parameters"][0], 3)]
    text = {row.name: row.figures[table.columns.index("on frontier")].text for row in table.rows}
    assert text == {cell: "yes" if member else "no" for cell, member in FRONTIER.items()}
