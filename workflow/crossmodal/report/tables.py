"""Tables of a study as data: figures looked up by number id, for the page and for Markdown alike."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from crossmodal.report.cells import Grid
from crossmodal.report.formatting import format_deviation, format_interval, format_value
from crossmodal.report.lookup import Number, Numbers

DIRECTIONS = {"text_to_image": "text → image", "image_to_text": "image → text"}
ALL_DIRECTIONS = {"mean": "mean of both directions", **DIRECTIONS}
RECALLS = ("recall@1", "recall@5", "recall@10")
ONE_SEED = "one seed"
"""The caveat of a row whose intervals are over queries alone."""
OWN = "<own>"
"""Stands for the dataset that a row's cell is adapted to."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A number as it is shown: its text, its interval and, for aggregates, the deviation over seeds."""

    number: Number
    text: str
    interval: str
    deviation: Number | None
    deviation_text: str
    heat: float
    """-1 to 1: how strongly the cell is tinted, with the colour of gains below 0; 0 for none."""


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    figures: list[Figure | None]
    strong: bool = False
    group: str = ""
    """Title of the group of rows that it stands in; groups follow one another."""
    note: str = ""
    """What the name means, where that is not plain."""
    caveats: tuple[str, ...] = ()
    """What its figures leave out, each in two words; shown wherever the row is."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of figures under two header lines: groups of (title, number of columns), then columns."""

    name: str
    corner: str
    groups: list[tuple[str, int]]
    columns: list[str]
    rows: list[Row] = field(default_factory=list)

    def number_ids(self) -> list[str]:
        """Return the ids of all figures, row by row."""
        return [figure.number.number_id for row in self.rows for figure in row.figures if figure]

    def __bool__(self) -> bool:
        return any(figure for row in self.rows for figure in row.figures)


Tables = dict[str, list[tuple[str, Table]]]
"""What a published page may hold under a name: tables, each with a title, empty for the only one."""

Column = tuple[str, str, Mapping[str, str]]
"""Title, metric and coordinates. Dataset OWN is that of the row's cell; the experiment is `peft` by default."""

Groups = Sequence[tuple[str, Sequence[Column]]]
"""Groups of columns with their titles."""


def figure(
    numbers: Numbers,
    number: Number | None,
    *,
    unit: bool = False,
    heat: Callable[[float], float] | None = None,
) -> Figure | None:
    """Return `number` ready to be shown, or None for None."""
    if number is None:
        return None
    deviation = numbers.deviation(number)
    text = format_value(number.value, number.kind, unit=unit)
    return Figure(
        number,
        text,
        format_interval(number.ci_low, number.ci_high, number.kind),
        deviation,
        format_deviation(deviation.value, text, number.kind) if deviation else "",
        _heat(heat(number.value)) if heat else 0.0,
    )


def _heat(value: float) -> float:
    return 0.0 if math.isnan(value) else min(1.0, max(-1.0, value))


def order_cells(numbers: Numbers, cells: Sequence[str]) -> list[str]:
    """Return `cells` by their trainable parameters, fewest first; those without a count come last."""

    def count(cell: str) -> float:
        number = numbers.find("peft", "parameters_trainable", cell=cell)
        return math.inf if number is None or math.isnan(number.value) else number.value

    return sorted(cells, key=count)


def by_cell(
    numbers: Numbers,
    name: str,
    grid: Grid,
    groups: Groups,
    headline: str = "",
    *,
    keep_empty: bool = False,
    heat: Callable[[float], float] | None = None,
) -> Table:
    """Return a row for each cell of `grid` and a column for each number, without columns that are empty."""
    wanted = [column for _, columns in groups for column in columns]
    rows = [
        Row(
            cell,
            [figure(numbers, lookup(numbers, grid, cell, column), heat=heat) for column in wanted],
            cell == headline,
            title,
        )
        for title, cells in grid.groups
        for cell in cells
    ]
    rows = [told_of_seeds(numbers, row) for row in rows if keep_empty or any(row.figures)]
    spans = [(title, len(columns)) for title, columns in groups]
    return without_empty(Table(name, "cell", spans, [title for title, _, _ in wanted], rows))


def told_of_seeds(numbers: Numbers, row: Row) -> Row:
    """Return the row of a cell, with the caveat "one seed" if it was trained and intervals cover no training."""
    trained = numbers.find("peft", "parameters_trainable", cell=row.name)
    seeds = [shown.number.n_seeds for shown in row.figures if shown and shown.number.n_seeds is not None]
    if trained is None or not trained.value > 0 or not seeds or max(seeds) > 1:
        return row
    return replace(row, caveats=(*row.caveats, ONE_SEED))


def told_of_queries(row: Row, most: int) -> Row:
    """Return the row of a cell, with the caveat of how many queries it is about if other rows are about `most`."""
    queries = max((shown.number.n_queries or 0 for shown in row.figures if shown), default=0)
    return replace(row, caveats=(*row.caveats, f"{queries} queries")) if queries < most else row


def lookup(numbers: Numbers, grid: Grid, cell: str, column: Column) -> Number | None:
    """Return the number of `cell` in `column`, or None."""
    _, metric, where = column
    coordinates = {key: grid.home(cell) if value == OWN else value for key, value in where.items()}
    experiment = coordinates.pop("experiment", "peft")
    return numbers.find(experiment, metric, cell=cell, **coordinates)


def short(metric: str) -> str:
    """Return "R@5" for "recall@5"."""
    return metric.replace("recall@", "R@")


def without_empty(table: Table) -> Table:
    """Return `table` without the columns that no row has a figure for, and the groups that lost all of theirs."""
    kept = [
        index
        for index in range(len(table.columns))
        if any(row.figures[index] is not None for row in table.rows)
    ]
    groups, start = [], 0
    for title, span in table.groups:
        count = sum(start <= index < start + span for index in kept)
        groups += [(title, count)] if count else []
        start += span
    rows = [replace(row, figures=[row.figures[index] for index in kept]) for row in table.rows]
    return Table(table.name, table.corner, groups, [table.columns[index] for index in kept], rows)
