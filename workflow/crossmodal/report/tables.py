"""Tables of a study as data: figures looked up by number id, for the page and for Markdown alike."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from crossmodal.report.formatting import format_interval, format_value
from crossmodal.report.lookup import Number, Numbers

DIRECTIONS = {"text_to_image": "text → image", "image_to_text": "image → text"}
RECALLS = ("recall@1", "recall@5", "recall@10")
SHIFT_TITLES = {"shifts-mean": "mean of all shifts", "shifts-worst": "worst shift"}
SEARCH_METRICS = {
    "recall@10": "R@10 %",
    "index_recall@10": "R@10 of exhaustive %",
    "latency_p50": "p50 ms",
    "latency_p95": "p95 ms",
    "latency_p99": "p99 ms",
    "qps": "queries/s",
    "bytes": "size",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A number as it is shown: its text, its interval and, for aggregates, the deviation over seeds."""

    number: Number
    text: str
    interval: str
    deviation: Number | None
    deviation_text: str
    heat: float
    """0 to 1: how strongly the cell is tinted; 0 for none."""


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    figures: list[Figure | None]
    strong: bool = False


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
    return Figure(
        number,
        format_value(number.value, number.kind, unit=unit),
        format_interval(number.ci_low, number.ci_high, number.kind),
        deviation,
        format_value(deviation.value, number.kind, unit=False) if deviation else "",
        min(1.0, max(0.0, heat(number.value))) if heat else 0.0,
    )


def accuracy_table(numbers: Numbers, cells: Sequence[str], dataset: str, headline: str = "") -> Table:
    """Return recall of every cell on the clean test set of `dataset`, both directions, and its parameters."""

    def row(cell: str) -> Row:
        found = [
            numbers.find(
                "peft", metric, cell=cell, dataset=dataset, split="test", variant="clean", direction=d
            )
            for d in DIRECTIONS
            for metric in RECALLS
        ]
        found += [
            numbers.find("peft", metric, cell=cell, direction="-")
            for metric in ("parameters_trainable", "parameters_share")
        ]
        return Row(cell, [figure(numbers, number) for number in found], cell == headline)

    columns = ["R@1 %", "R@5 %", "R@10 %"] * 2 + ["count", "share %"]
    groups = [(title, 3) for title in DIRECTIONS.values()] + [("trainable parameters", 2)]
    return _without_empty(Table("accuracy", "cell", groups, columns, [row(cell) for cell in cells]))


def comparison_table(numbers: Numbers, cells: Sequence[str], dataset: str, headline: str = "") -> Table:
    """Return what each cell keeps of full fine-tuning's recall, and its gain over zero-shot as a share of it."""
    metrics = {f"retention_{m}": f"R@{m.partition('@')[2]} kept %" for m in RECALLS}
    metrics |= {f"normalised_gain_{m}": f"gain in R@{m.partition('@')[2]} kept %" for m in RECALLS}
    rows = [
        Row(
            cell,
            [
                figure(numbers, numbers.find("peft", metric, cell=cell, dataset=dataset, direction=d))
                for d in DIRECTIONS
                for metric in metrics
            ],
            cell == headline,
        )
        for cell in cells
    ]
    rows = [row for row in rows if any(row.figures)]
    groups = [(title, len(metrics)) for title in DIRECTIONS.values()]
    return _without_empty(Table("comparison", "cell", groups, [*metrics.values()] * 2, rows))


def domains_table(numbers: Numbers, cells: Sequence[str], target: str, headline: str = "") -> Table:
    """Return R@1 of every cell on the clean test sets of all other datasets, both directions."""
    datasets = [
        dataset
        for dataset in numbers.distinct("dataset", experiment="peft", metric="recall@1", variant="clean")
        if dataset != target
    ]
    rows = [
        Row(
            cell,
            [
                figure(
                    numbers,
                    numbers.find(
                        "peft", "recall@1", cell=cell, dataset=dataset, variant="clean", direction=d
                    ),
                )
                for dataset in datasets
                for d in DIRECTIONS
            ],
            cell == headline,
        )
        for cell in cells
    ]
    columns = list(DIRECTIONS.values()) * len(datasets)
    return _without_empty(Table("domains", "R@1 %", [(name, 2) for name in datasets], columns, rows))


def shift_names(numbers: Numbers, target: str) -> dict[tuple[str, str], str]:
    """Return (dataset, variant) -> name of every shift with a degradation, summaries first.

    A shift is a variant of a test set, or another dataset seen as a whole (variant `clean`).
    """
    found = dict.fromkeys(
        (number.dataset, number.variant) for number in numbers.select("robustness", "degradation_recall@1")
    )
    names = {}
    for dataset, variant in sorted(found, key=lambda key: key[1] not in SHIFT_TITLES):
        title = SHIFT_TITLES.get(variant, variant)
        if variant == "clean":
            title = dataset
        elif dataset not in (target, "-"):
            title = f"{title} ({dataset})"
        names[dataset, variant] = title
    return names


def robustness_table(
    numbers: Numbers,
    cells: Sequence[str],
    target: str,
    direction: str = "text_to_image",
    metric: str = "degradation_recall@1",
    headline: str = "",
) -> Table:
    """Return `metric` for every shift (rows) and cell (columns) in one direction, tinted by degradation."""
    tint = (lambda value: value / 0.5) if metric.startswith("degradation") else None
    rows = [
        Row(
            name,
            [
                figure(
                    numbers,
                    numbers.find(
                        "robustness", metric, cell=cell, dataset=dataset, variant=variant, direction=direction
                    ),
                    heat=tint,
                )
                for cell in cells
            ],
        )
        for (dataset, variant), name in shift_names(numbers, target).items()
    ]
    rows = [row for row in rows if any(row.figures)]
    name = "robustness" if direction == "text_to_image" else f"robustness-{direction}"
    return _without_empty(Table(name, "shift", [], list(cells), rows))


def search_table(numbers: Numbers) -> Table:
    """Return recall, latency and size of every index; rows are named by cell too if there are several."""
    keys = dict.fromkeys((n.cell, n.dataset, n.variant) for n in numbers if n.experiment == "search")
    cells, datasets = {cell for cell, _, _ in keys}, {dataset for _, dataset, _ in keys}
    rows = []
    for cell, dataset, variant in keys:
        found = [
            numbers.find("search", metric, cell=cell, dataset=dataset, variant=variant)
            for metric in SEARCH_METRICS
        ]
        prefix = [cell] * (len(cells) > 1) + [dataset] * (len(datasets) > 1)
        rows.append(Row(" · ".join([*prefix, variant]), [figure(numbers, number) for number in found]))
    return _without_empty(Table("search", "index", [], list(SEARCH_METRICS.values()), rows))


def _without_empty(table: Table) -> Table:
    """Drop the columns that no row has a figure for, and the groups that lost all their columns."""
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
    rows = [Row(row.name, [row.figures[index] for index in kept], row.strong) for row in table.rows]
    return Table(table.name, table.corner, groups, [table.columns[index] for index in kept], rows)
