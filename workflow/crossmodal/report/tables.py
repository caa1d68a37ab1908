"""Tables of a study as data: figures looked up by number id, for the page and for Markdown alike."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from crossmodal.report.formatting import format_interval, format_value
from crossmodal.report.lookup import Number, Numbers

DIRECTIONS = {"text_to_image": "text → image", "image_to_text": "image → text"}
RECALLS = ("recall@1", "recall@5", "recall@10")
SHIFT_TITLES = {"shifts-mean": "mean of all shifts", "shifts-worst": "worst shift"}
SEARCH_METRICS = {
    "recall@10": "R@10 %",
    "loss_recall@10": "lost R@10 %",
    "index_recall@10": "exhaustive top ten found %",
    "latency_p50": "p50 ms",
    "latency_p95": "p95 ms",
    "latency_p99": "p99 ms",
    "latency_rerank_p50": "of it re-ranking, p50 ms",
    "qps": "queries/s",
    "items": "items",
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


Groups = list[tuple[str, list[tuple[str, str, dict[str, str]]]]]
"""Groups of columns: (title of the group, [(title of the column, metric, coordinates)])."""


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


def order_cells(numbers: Numbers, cells: Sequence[str]) -> list[str]:
    """Return `cells` by their trainable parameters, fewest first; those without a count come last."""

    def count(cell: str) -> float:
        number = numbers.find("peft", "parameters_trainable", cell=cell)
        return math.inf if number is None or math.isnan(number.value) else number.value

    return sorted(cells, key=count)


def accuracy_table(numbers: Numbers, cells: Sequence[str], dataset: str, headline: str = "") -> Table:
    """Return recall of every cell on the clean test set of `dataset`, both directions, and its parameters."""
    clean = {"dataset": dataset, "split": "test", "variant": "clean"}
    groups: Groups = [
        (title, [(f"{_short(m)} %", m, {**clean, "direction": direction}) for m in RECALLS])
        for direction, title in DIRECTIONS.items()
    ]
    counts = {"count": "parameters_trainable", "share %": "parameters_share"}
    groups.append(("trainable parameters", [(title, m, {"direction": "-"}) for title, m in counts.items()]))
    return _by_cell(numbers, "accuracy", cells, groups, headline, keep_empty=True)


def comparison_table(numbers: Numbers, cells: Sequence[str], dataset: str, headline: str = "") -> Table:
    """Return what each cell keeps of full fine-tuning's recall and of its gain over zero-shot."""
    groups: Groups = []
    for direction, title in {"mean": "mean of both directions", **DIRECTIONS}.items():
        where = {"dataset": dataset, "direction": direction}
        columns = [(f"{_short(m)} kept %", f"retention_{m}", where) for m in RECALLS[:2]]
        if direction == "mean":
            columns += [(f"gain in {_short(m)} kept %", f"normalised_gain_{m}", where) for m in RECALLS[:2]]
        groups.append((title, columns))
    return _by_cell(numbers, "comparison", cells, groups, headline)


def domains_table(numbers: Numbers, cells: Sequence[str], target: str, headline: str = "") -> Table:
    """Return R@1 of every cell on the clean test sets of all other datasets, both directions."""
    clean = {"split": "test", "variant": "clean"}
    names = numbers.distinct("dataset", experiment="peft", metric="recall@1", **clean)
    groups: Groups = [
        (
            name,
            [
                (title, "recall@1", {**clean, "dataset": name, "direction": d})
                for d, title in DIRECTIONS.items()
            ],
        )
        for name in names
        if name != target
    ]
    return _by_cell(numbers, "domains", cells, groups, headline)


def costs_table(numbers: Numbers, cells: Sequence[str], headline: str = "") -> Table:
    """Return encoder latency of each cell, merged and unmerged, and what it saves beside full fine-tuning."""
    groups: Groups = [
        (
            f"encoder, {form}",
            [
                ("image ms", "latency_image", {"variant": form}),
                ("text ms", "latency_text", {"variant": form}),
                ("both ms", "latency_pair", {"variant": form}),
                ("saved %", "saved_latency_pair", {"variant": form}),
            ],
        )
        for form in ("merged", "unmerged")
    ]
    other = {"parameters saved %": "saved_parameters", "seconds": "training_seconds"}
    groups.append(("training", [(title, m, {"direction": "-"}) for title, m in other.items()]))
    return _by_cell(numbers, "costs", cells, groups, headline)


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
) -> Table:
    """Return the loss of R@1 for every shift (rows) and cell (columns) in one direction, tinted by its size."""
    rows = [
        Row(
            name,
            [
                figure(
                    numbers,
                    numbers.find(
                        "robustness",
                        "degradation_recall@1",
                        cell=cell,
                        dataset=dataset,
                        variant=variant,
                        direction=direction,
                    ),
                    heat=lambda value: value / 0.5,
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


def _by_cell(
    numbers: Numbers, name: str, cells: Sequence[str], groups: Groups, headline: str, keep_empty: bool = False
) -> Table:
    """Return a row for each cell and a column for each number of experiment `peft`."""
    wanted = [column for _, columns in groups for column in columns]
    rows = [
        Row(
            cell,
            [
                figure(numbers, numbers.find("peft", metric, cell=cell, **where))
                for _, metric, where in wanted
            ],
            cell == headline,
        )
        for cell in cells
    ]
    rows = [row for row in rows if keep_empty or any(row.figures)]
    spans = [(title, len(columns)) for title, columns in groups]
    return _without_empty(Table(name, "cell", spans, [title for title, _, _ in wanted], rows))


def _short(metric: str) -> str:
    return metric.replace("recall@", "R@")


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
