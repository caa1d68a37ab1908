"""Accuracy of every cell: tables and charts that each study has, whatever it asks."""

import math
from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from crossmodal.report import charts
from crossmodal.report.cells import FEW, Grid
from crossmodal.report.frames import value_columns
from crossmodal.report.lookup import Numbers
from crossmodal.report.tables import (
    DIRECTIONS,
    OWN,
    RECALLS,
    Column,
    Row,
    Table,
    by_cell,
    figure,
    short,
    told_of_seeds,
    without_empty,
)

CONCEPTS_IN_FIRST = "concepts_in_first_5"
CONCEPTS = {"concept_recall": "its best caption", "concept_mean_recall": "the mean of its captions"}
"""How a concept is scored in recall by concept."""
COLUMNS = ["cell", "parameters", "value", "ci_low", "ci_high", "number_id"]


def accuracy_table(numbers: Numbers, grid: Grid, headline: str = "") -> Table:
    """Return recall on the clean test set that each cell is adapted to, both directions, and its parameters."""
    clean = {"dataset": OWN, "split": "test", "variant": "clean"}
    groups: list[tuple[str, list[Column]]] = [
        (title, [(f"{short(m)} %", m, {**clean, "direction": direction}) for m in RECALLS])
        for direction, title in DIRECTIONS.items()
    ]
    counts = {"count": "parameters_trainable", "share %": "parameters_share"}
    groups.append(("trainable parameters", [(title, m, {"direction": "-"}) for title, m in counts.items()]))
    return by_cell(numbers, "accuracy", grid, groups, headline, keep_empty=True)


def concepts_table(numbers: Numbers, grid: Grid, headline: str = "") -> Table:
    """Return recall of images that ask, where concepts are ranked in place of captions (see `CONCEPTS`)."""
    where = {"dataset": OWN, "split": "test", "variant": "clean", "direction": "image_to_text"}
    groups = [
        (title, [(f"{short(m)} %", m.replace("recall", name), where) for m in RECALLS])
        for name, title in CONCEPTS.items()
    ]
    return by_cell(numbers, "concepts", grid, groups, headline)


def subsets_table(numbers: Numbers, grid: Grid, headline: str = "", metric: str = "recall@1") -> Table:
    """Return a metric of every cell on parts of the target's test queries, and how many of them each part has."""
    clean = {"dataset": grid.target, "split": "test"}
    names = [
        v for v in numbers.distinct("variant", experiment="peft", metric="queries_share", **clean) if "@" in v
    ]
    places = [(name, d) for name in names for d in DIRECTIONS]
    shares = [
        numbers.find("peft", "queries_share", cell="-", variant=name, direction=d, **clean)
        for name, d in places
    ]
    rows = [Row("share of the queries", [figure(numbers, share) for share in shares])]
    for group, cells in grid.groups:
        for cell in cells:
            found = [
                numbers.find("peft", metric, cell=cell, variant=name, direction=d, **clean)
                for name, d in places
            ]
            row = Row(cell, [figure(numbers, number) for number in found], cell == headline, group)
            rows += [told_of_seeds(numbers, row)] if any(row.figures) else []
    spans = [(name.partition("@")[2], len(DIRECTIONS)) for name in names]
    return without_empty(Table("subsets", "cell", spans, [DIRECTIONS[d] for _, d in places], rows))


def captions_table(numbers: Numbers, grid: Grid, headline: str = "") -> Table:
    """Return R@1 of the target's captions by place, and how many concepts the first five for an image are of."""
    clean = {"dataset": grid.target, "split": "test"}
    variants = numbers.distinct("variant", experiment="peft", metric="recall@1", **clean)
    places = [v for v in variants if v.startswith("clean@caption-")]
    asking = [
        (v.rpartition("-")[2], "recall@1", clean | {"variant": v, "direction": "text_to_image"})
        for v in places
    ]
    first = [("concepts", CONCEPTS_IN_FIRST, clean | {"variant": "clean", "direction": "image_to_text"})]
    groups = [("R@1 % of caption", asking), ("in the first five", first)]
    return by_cell(numbers, "captions", grid, groups, headline)


def domains_table(numbers: Numbers, grid: Grid, headline: str = "") -> Table:
    """Return R@1 of every cell on the clean test sets that it is not adapted to, both directions."""
    clean = {"split": "test", "variant": "clean"}
    names = numbers.distinct("dataset", experiment="peft", metric="recall@1", **clean)
    columns = [(name, d, title) for name in names for d, title in DIRECTIONS.items()]
    rows = [
        Row(
            cell,
            [
                figure(
                    numbers, numbers.find("peft", "recall@1", cell=cell, dataset=name, direction=d, **clean)
                )
                if name != grid.home(cell)
                else None
                for name, d, _ in columns
            ],
            cell == headline,
            group,
        )
        for group, cells in grid.groups
        for cell in cells
    ]
    spans = [(name, len(DIRECTIONS)) for name in names]
    rows = [told_of_seeds(numbers, row) for row in rows if any(row.figures)]
    return without_empty(Table("domains", "cell", spans, [title for _, _, title in columns], rows))


def accuracy_frame(
    numbers: Numbers, cells: Sequence[str], dataset: str, direction: str, metric: str = "recall@1"
) -> pd.DataFrame:
    """Return recall (fraction) and trainable parameters (0 for zero-shot) of the cells that have both."""
    rows = []
    for cell in cells:
        recall = numbers.find(
            "peft", metric, cell=cell, dataset=dataset, split="test", variant="clean", direction=direction
        )
        parameters = numbers.find("peft", "parameters_trainable", cell=cell)
        if recall and parameters and not math.isnan(recall.value):
            rows.append({"cell": cell, "parameters": parameters.value, **value_columns(recall)})
    return pd.DataFrame(rows, columns=COLUMNS)


def accuracy_charts(numbers: Numbers, grid: Grid) -> dict[str, dict[str, Any]]:
    """Return the Vega-Lite specification of recall over parameters, by direction, of those that have data.

    Of many cells those have colours that the grid highlights, and the ends: the one with the fewest trainable
    parameters (zero-shot) and the most accurate one. The others are grey.
    """
    own = [cell for cell in grid.cells if grid.home(cell) == grid.target]
    few = len(grid.cells) <= FEW
    found = {d: accuracy_frame(numbers, own, grid.target, d) for d in DIRECTIONS}
    drawn = {direction: frame for direction, frame in found.items() if len(frame)}
    extent = (
        min((frame["ci_low"].min() for frame in drawn.values()), default=0.0),
        max((frame["ci_high"].max() for frame in drawn.values()), default=1.0),
    )
    ends = {cell for frame in drawn.values() for cell in _ends(frame)}
    named = [cell for cell in grid.cells if cell in grid.highlighted or cell in ends]

    def chart(frame: pd.DataFrame, width: float) -> alt.LayerChart:
        return charts.accuracy_chart(
            frame, grid.styles, extent=extent, highlighted=None if few else named, width=width
        )

    return {
        f"accuracy-{direction}": charts.with_narrow(chart(frame, 420.0), chart(frame, charts.NARROW_PLOT))
        for direction, frame in drawn.items()
    }


def _ends(frame: pd.DataFrame) -> list[str]:
    """Return the cell with the fewest trainable parameters and the most accurate one; of equals the first."""
    cells = list(frame["cell"])
    return [
        cells[int(frame["parameters"].to_numpy().argmin())],
        cells[int(frame["value"].to_numpy().argmax())],
    ]
