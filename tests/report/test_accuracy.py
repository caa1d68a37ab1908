"""Accuracy of every cell: tables and charts that a study has whatever it asks."""

import math

import pandas as pd

from crossmodal.report.accuracy import (
    accuracy_charts,
    accuracy_frame,
    accuracy_table,
    concepts_table,
    domains_table,
    subsets_table,
)
from crossmodal.report.cells import FEW, Grid
from crossmodal.report.chart_parts import QUIET
from crossmodal.report.charts import accuracy_chart
from crossmodal.report.lookup import Numbers
from crossmodal.report.markdown import table_markdown
from crossmodal.report.section import grid_of
from crossmodal.report.tables import ONE_SEED, OWN, Table, lookup
from drawn_sections import cell_values
from made_up_numbers import CELLS, metric_rows

FRAME = metric_rows()
NUMBERS = Numbers(FRAME)
GRID = Grid.of("openmoji", cell_values(CELLS))


def marks(spec: dict, kind: str) -> list[dict]:
    """Return the rows of data behind all marks of one kind in a layered specification."""
    layers = [layer for layer in spec["layer"] if layer["mark"]["type"] == kind]
    sources = [layer.get("data", spec.get("data")) for layer in layers]  # data that all share stands above
    return [row for source in sources for row in spec["datasets"][source["name"]]]


def holds(table: Table, numbers: Numbers) -> bool:
    """Return whether a table has a place for each figure and shows nothing but numbers of the study."""
    figures = [shown for row in table.rows for shown in row.figures]
    return all(len(row.figures) == len(table.columns) for row in table.rows) and all(
        shown is None or numbers.get(shown.number.number_id) is shown.number for shown in figures
    )


def test_a_row_for_each_cell_and_a_column_for_each_recall() -> None:
    table = accuracy_table(NUMBERS, GRID, "lora-r8")
    assert [row.name for row in table.rows] == list(CELLS) and holds(table, NUMBERS)
    assert table.groups == [("text → image", 3), ("image → text", 3), ("trainable parameters", 2)]
    assert table.columns == ["R@1 %", "R@5 %", "R@10 %"] * 2 + ["count", "share %"]
    assert [row.name for row in table.rows if row.strong] == ["lora-r8"]
    recall = table.rows[0].figures[0]
    assert recall is not None and recall.interval and recall.deviation is not None


def test_a_cell_without_numbers_keeps_its_row() -> None:
    grid = Grid("openmoji", [("", ["full", "gone"])])
    assert [row.name for row in accuracy_table(NUMBERS, grid).rows] == ["full", "gone"]
    assert not accuracy_table(NUMBERS, Grid("openmoji", [("", ["gone"])])), "none of all is measured"


def test_each_cell_is_shown_where_it_is_adapted_to() -> None:
    grid = Grid("openmoji", [("", ["full", "lora-r8"])], {"lora-r8": "fluent"})
    rows = {row.name: row for row in accuracy_table(NUMBERS, grid).rows}
    for cell, dataset in (("full", "openmoji"), ("lora-r8", "fluent")):
        assert {f.number.dataset for f in rows[cell].figures if f} == {dataset, "-"}
    own = lookup(NUMBERS, grid, "lora-r8", ("", "recall@1", {"dataset": OWN, "direction": "image_to_text"}))
    assert own is not None and own.dataset == "fluent"
    others = {
        row.name: {f.number.dataset for f in row.figures if f} for row in domains_table(NUMBERS, grid).rows
    }
    assert others == {"full": {"twemoji", "fluent"}, "lora-r8": {"openmoji", "twemoji"}}


def test_other_domains_are_those_that_a_cell_is_not_adapted_to() -> None:
    domains = domains_table(NUMBERS, GRID)
    assert domains.groups == [("twemoji", 2), ("fluent", 2)]
    assert holds(domains, NUMBERS) and [row.name for row in domains.rows] == list(CELLS)


def test_every_cell_is_a_point_and_zero_has_its_place() -> None:
    frame = accuracy_frame(NUMBERS, CELLS, "openmoji", "text_to_image")
    spec = accuracy_chart(frame, GRID.styles).to_dict()
    points = {row["cell"]: row for row in marks(spec, "point")}
    assert set(points) == set(CELLS)
    for cell, row in points.items():
        number = NUMBERS.get(row["number_id"])
        assert number is not None and (number.cell, number.value) == (cell, row["value"])
        assert row["x"] == row["parameters"] if row["parameters"] else 0 < row["x"] < 9_216
    assert points["lora-r8"]["x"] == points["lora-r8-pgd"]["x"]
    assert points["lora-r8"]["dodge"] != points["lora-r8-pgd"]["dodge"]


def coloured(spec: dict) -> dict[str, str]:
    """Return the colour of each cell that does not stand back."""
    scale = next(layer for layer in spec["layer"] if "color" in layer["encoding"])["encoding"]["color"][
        "scale"
    ]
    found = zip(scale["domain"], scale["range"], strict=True)
    return {cell: colour for cell, colour in found if colour != QUIET}


def test_both_directions_share_their_axis() -> None:
    specs = accuracy_charts(NUMBERS, GRID)
    assert list(specs) == ["accuracy-text_to_image", "accuracy-image_to_text"]
    extents = []
    for spec in specs.values():
        scales = [layer["encoding"]["y"].get("scale") for layer in spec["layer"] if "y" in layer["encoding"]]
        extents.append([scale["domain"] for scale in scales if scale and "domain" in scale])
    assert extents[0] == extents[1] and extents[0]


def test_only_cells_of_the_target_are_drawn() -> None:
    grid = Grid("openmoji", [("", list(CELLS))], {"lora-r8": "fluent"})
    drawn = {row["cell"] for row in marks(accuracy_charts(NUMBERS, grid)["accuracy-text_to_image"], "point")}
    assert drawn == set(CELLS) - {"lora-r8"}


def test_what_has_no_data_has_no_chart() -> None:
    without = FRAME[FRAME["metric"] != "parameters_trainable"]
    assert accuracy_charts(Numbers(without), GRID) == {}
    one_way = FRAME[FRAME["direction"] != "image_to_text"]
    assert list(accuracy_charts(Numbers(one_way), GRID)) == ["accuracy-text_to_image"]
    undefined = FRAME.assign(value=FRAME["value"].where(FRAME["metric"] != "recall@1", math.nan))
    assert accuracy_charts(Numbers(undefined), GRID) == {}
    assert accuracy_charts(Numbers(pd.DataFrame(FRAME.iloc[:0])), Grid.of("openmoji", {})) == {}


def test_of_many_cells_those_of_the_claims_and_the_ends_stand_in_front() -> None:
    cells = [f"lora-r{i}" for i in range(FEW + 1)]
    numbers = Numbers(metric_rows(cells, ()))
    grid = grid_of({"target": "openmoji", "cells": cell_values(cells)}, numbers, ["lora-r3"])
    assert grid.highlighted == ["lora-r3"]
    spec = accuracy_charts(numbers, grid)["accuracy-text_to_image"]
    drawn = pd.DataFrame(marks(spec, "point")).set_index("cell")
    both = [
        pd.DataFrame(marks(s, "point")).set_index("cell") for s in accuracy_charts(numbers, grid).values()
    ]
    ends = {drawn["parameters"].idxmin(), *(frame["value"].idxmax() for frame in both)}
    assert {row["cell"] for row in marks(spec, "text") if "cell" in row} >= {"lora-r3"} | ends
    assert set(coloured(spec)) == {"lora-r3"} | ends
    assert len(drawn) == len(cells)


def renamed(rows: pd.DataFrame, **columns: object) -> pd.DataFrame:
    """Return rows with other coordinates, and ids that fit them."""
    rows = rows.assign(**columns)
    parts = rows[["experiment", "cell", "seed", "dataset", "split", "variant", "direction", "metric"]]
    ids = ["/".join([e, c, f"s{s}", *rest]) for e, c, s, *rest in parts.itertuples(index=False)]
    return rows.assign(number_id=ids)


def test_parts_of_the_test_set_stand_with_their_share_of_the_queries() -> None:
    clean = FRAME[(FRAME["variant"] == "clean") & (FRAME["metric"] == "recall@1") & (FRAME["seed"] == "*")]
    clean = clean[(clean["dataset"] == "openmoji") & (clean["direction"] != "mean")]
    few = renamed(clean, variant="clean@flags")
    shares = renamed(
        few[few["cell"] == "full"], cell="-", metric="queries_share", value=0.14, ci_low=None, ci_high=None
    )
    table = subsets_table(Numbers(pd.concat([FRAME, few, shares])), GRID, "full")
    assert table.groups == [("flags", 2)] and table.columns == ["text → image", "image → text"]
    assert [row.name for row in table.rows] == ["share of the queries", *CELLS]
    assert [f.text for f in table.rows[0].figures if f] == ["14.0", "14.0"]
    assert not subsets_table(NUMBERS, GRID)


def test_by_concept_a_column_for_each_way_to_score_one() -> None:
    asked = FRAME[(FRAME["direction"] == "image_to_text") & FRAME["metric"].str.fullmatch("recall@[0-9]+")]
    added = [
        renamed(asked, metric=asked["metric"].str.replace("recall", name))
        for name in ("concept_recall", "concept_mean_recall")
    ]
    table = concepts_table(Numbers(pd.concat([FRAME, *added])), GRID)
    assert table.groups == [("its best caption", 3), ("the mean of its captions", 3)]
    assert [row.name for row in table.rows] == list(CELLS) and not concepts_table(NUMBERS, GRID)


def test_a_trained_cell_of_one_seed_says_so() -> None:
    one = Numbers(metric_rows(seeds=("0",)))
    caveats = {row.name: row.caveats for row in accuracy_table(one, GRID).rows}
    assert caveats == {cell: () if cell == "zero-shot" else (ONE_SEED,) for cell in CELLS}
    assert not any(row.caveats for row in accuracy_table(NUMBERS, GRID).rows)
    shown = table_markdown(accuracy_table(one, GRID))
    assert "| full (one seed) |" in shown and "| zero-shot |" in shown
    assert any(row.caveats for row in domains_table(one, GRID).rows)
