"""Tables of H2: degradation under shifts, recall under attack, checks of the attack, the cell that is chosen."""

from collections.abc import Mapping
from dataclasses import replace

from crossmodal.experiments.robustness.pairs import GAINED_RECALL, LOST, SAVED
from crossmodal.experiments.robustness.params import Pair
from crossmodal.experiments.robustness.records import ShiftFacts
from crossmodal.experiments.robustness.threat_names import split_variant
from crossmodal.report.cells import Grid
from crossmodal.report.lookup import Numbers
from crossmodal.report.tables import OWN, Column, Row, Table, by_cell, figure, told_of_queries, without_empty

SHIFT_TITLES = {
    "shifts-mean": "mean of all shifts",
    "shifts-worst": "worst kind",
    "text-shifts-mean": "mean of text shifts",
    "text-shifts-worst": "worst kind of text shift",
}
PARTS = {
    "summary": "summaries",
    "images": "shifts of images",
    "texts": "shifts of texts",
}
"""The parts that the table of degradation comes in: as one it would be too wide to read."""


def shift_names(numbers: Numbers, target: str) -> dict[str, str]:
    """Return variant -> name of every shift of the target's test set with a degradation, summaries first."""
    found = numbers.distinct(
        "variant", experiment="robustness", metric="degradation_recall@1", dataset=target
    )
    names = {}
    for variant in sorted(found, key=_place):
        title = SHIFT_TITLES.get(variant, variant)
        if severity := severity_of(variant):
            title = f"mean of severity {severity}"
        if kind := kind_of(variant):
            title = f"mean of {kind}"
        names[variant] = title
    return names


def severity_of(variant: str) -> int | None:
    """Return n of the summary `severity-<n>-mean`, None for any other variant."""
    head, _, tail = variant.removesuffix("-mean").partition("severity-")
    return int(tail) if variant.endswith("-mean") and not head and tail.isdigit() else None


def kind_of(variant: str) -> str:
    """Return the kind, in words, of the summary `kind-<kind>-mean`; nothing for any other variant."""
    head, _, tail = variant.partition("kind-")
    return tail.removesuffix("-mean").replace("-", " ") if not head and tail.endswith("-mean") else ""


def is_summary(variant: str) -> bool:
    """Return whether a variant stands for several shifts."""
    return variant in SHIFT_TITLES or severity_of(variant) is not None or bool(kind_of(variant))


def part_of(variant: str, shifts: Mapping[str, ShiftFacts]) -> str:
    """Return the part of PARTS that a shift stands in; one that `shifts` does not know is one of images."""
    if is_summary(variant):
        return "summary"
    return shifts[variant].modality if variant in shifts else "images"


def robustness_table(
    numbers: Numbers,
    grid: Grid,
    shifts: Mapping[str, ShiftFacts],
    direction: str,
    part: str,
    headline: str = "",
) -> Table:
    """Return the loss of R@1 of every cell (rows) under the shifts of one part (columns), tinted by its size."""
    columns: list[Column] = [
        (
            name,
            "degradation_recall@1",
            {"experiment": "robustness", "dataset": grid.target, "variant": variant, "direction": direction},
        )
        for variant, name in shift_names(numbers, grid.target).items()
        if part_of(variant, shifts) == part
    ]
    name = f"robustness-{part}-{direction.replace('_', '-')}"
    table = by_cell(numbers, name, grid, [("", columns)], headline, heat=lambda value: value / 0.5)
    return Table(name, "cell", [], table.columns, table.rows)


def pairs_table(numbers: Numbers, target: str, pairs: Mapping[str, Pair]) -> Table:
    """Return what each pair of twins loses under shift, the difference, and its p-value: what H2 is judged by.

    Losses are means over kinds of shifts and over both directions.
    """
    rows, titles = [], {"shifts-mean": "shifts of images", "text-shifts-mean": "shifts of texts"}
    columns = [
        "loss %",
        "loss of its twin %",
        "difference",
        "p",
        "R@1 %",
        "R@1 of its twin %",
        "difference of R@1",
    ]
    for name, pair in pairs.items():
        figures = []
        for variant in titles:
            where = {"dataset": target, "variant": variant, "direction": "mean"}
            for cell, metric in (
                (pair.standard, LOST),
                (pair.adversarial, LOST),
                (pair.adversarial, SAVED),
                (pair.adversarial, f"p_value_{SAVED}"),
                (pair.standard, "recall@1"),
                (pair.adversarial, "recall@1"),
                (pair.adversarial, GAINED_RECALL),
            ):
                figures.append(figure(numbers, numbers.find("robustness", metric, cell=cell, **where)))
        rows.append(Row(name, figures, note=f"{pair.standard} and its twin {pair.adversarial}"))
    groups = [(title, len(columns)) for title in titles.values()]
    return without_empty(Table("pairs", "pair", groups, columns * len(titles), rows))


def differences_table(numbers: Numbers, target: str, pairs: Mapping[str, Pair], direction: str) -> Table:
    """Return by how much each pair's losses differ under each shift and summary, above zero where it helps."""
    found = shift_names(numbers, target)
    rows = []
    for name, pair in pairs.items():
        where = {"cell": pair.adversarial, "dataset": target, "direction": direction}
        figures = [
            figure(numbers, numbers.find("robustness", SAVED, variant=variant, **where)) for variant in found
        ]
        rows.append(Row(name, figures))
    table = Table(f"pairs-{direction.replace('_', '-')}", "pair", [], list(found.values()), rows)
    return without_empty(table)


def threats_table(numbers: Numbers, grid: Grid, headline: str = "") -> Table:
    """Return R@1 of the attacked queries as they are, and what each threat and epsilon degrades of it.

    A cell that was attacked on fewer queries than others has their number as a caveat.
    """
    by_threat: dict[str, list[tuple[float, str]]] = {}
    for variant in numbers.distinct("variant", experiment="attack", metric="recall@1"):
        threat, epsilon = split_variant(variant)
        by_threat.setdefault(threat, []).append((epsilon, variant))
    groups: list[tuple[str, list[Column]]] = []
    for threat, points in by_threat.items():
        columns: list[Column] = []
        for epsilon, variant in sorted(points):
            where = {"experiment": "attack", "dataset": OWN, "split": "test", "variant": variant}
            if epsilon == 0:
                columns.append(("R@1 %", "recall@1", where))
            else:
                columns.append((f"lost at {epsilon_label(variant)} %", "degradation_recall@1", where))
        groups.append((threat.replace("-", " "), columns))
    table = by_cell(numbers, "threats", grid, groups, headline, heat=None)
    most = max((s.number.n_queries or 0 for row in table.rows for s in row.figures if s), default=0)
    return replace(table, rows=[told_of_queries(row, most) for row in table.rows])


def epsilon_label(variant: str) -> str:
    """Return the epsilon of an attacked variant as people write it: "4/255", "0.1"."""
    return variant.rpartition("-")[2].replace("of", "/")


def sanity_table(numbers: Numbers, grid: Grid, statements: Mapping[str, str] | None = None) -> Table:
    """Return whether each check for masked gradients (rows) was passed, by cell; of several seeds the first."""
    found = numbers.select("attack", "sanity_passed")
    cells = [cell for cell in grid.cells if any(number.cell == cell for number in found)]
    rows = [
        Row(
            check,
            [
                figure(numbers, numbers.find("attack", "sanity_passed", cell=cell, variant=check))
                for cell in cells
            ],
            note=(statements or {}).get(check, ""),
        )
        for check in dict.fromkeys(number.variant for number in found)
    ]
    return Table("sanity", "check", [], cells, rows)


def selection_table(numbers: Numbers, grid: Grid, headline: str = "") -> Table:
    """Return recall@1 on validation data, clean and attacked, of the cells with an adversary and their twins.

    The choice is among the former; what the latter withstand says whether adversarial training did anything.
    """
    where = {"dataset": OWN, "split": "val", "direction": "mean"}
    columns: list[Column] = [
        ("clean R@1 %", "validation_unattacked_recall@1", where),
        ("of the same method's without %", "validation_unattacked_recall@1_kept", where),
        ("attacked R@1 %", "validation_robust_recall@1", where),
        ("on frontier", "pareto_validation", where),
        ("chosen", "adversarial_chosen", where),
    ]
    table = by_cell(numbers, "selection", grid, [("validation", columns)], headline)
    attacked = numbers.distinct("cell", experiment="peft", metric="validation_robust_recall@1")
    rows = [row for row in table.rows if row.name in attacked]
    return without_empty(Table("selection", "cell", table.groups, table.columns, rows))


def _place(variant: str) -> tuple[int, int]:
    """Order summaries before shifts, and those as in SHIFT_TITLES with severities, then kinds, after the worst."""
    if variant in SHIFT_TITLES:
        place = list(SHIFT_TITLES).index(variant)
        return (0 if place < 2 else 3, place)
    severity = severity_of(variant)
    return (1, severity) if severity is not None else (2 if kind_of(variant) else 4, 0)
