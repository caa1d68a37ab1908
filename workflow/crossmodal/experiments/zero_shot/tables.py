"""Tables of H4: what is found on each domain, what of the base model is kept, what each model took."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from crossmodal.report.cells import Grid
from crossmodal.report.lookup import Numbers
from crossmodal.report.tables import (
    DIRECTIONS,
    ONE_SEED,
    RECALLS,
    Row,
    Table,
    Tables,
    figure,
    short,
    without_empty,
)

MEAN = "domains"
STUDENTS = "students"
CLEAN, PROMPTED, UNMET = "clean", "prompts", "clean@unmet"
Wanted = tuple[str, Mapping[str, str]]
"""A metric of experiment `zero_shot` and its coordinates."""
COSTS = {
    "parameters": "parameters",
    "parameters_without_tokens": "without the token table",
    "trained_parameters": "trained",
    "training_seconds": "training s",
    "flops_image": "MFLOP an image",
    "flops_text": "MFLOP a caption",
}


def tables(numbers: Numbers, grid: Grid, students: Sequence[str], domains: Sequence[str]) -> Tables:
    """Return the tables of this experiment by the name that a published page has them under."""
    return {
        "zero-shot": [("", quality_table(numbers, grid, students))],
        "zero-shot-domains": [("", domains_table(numbers, grid, students, domains))],
        "zero-shot-kept": [("", kept_table(numbers, grid, students, domains))],
        "zero-shot-gains": [("", gains_table(numbers, grid, students, domains))],
        "zero-shot-costs": [("", costs_table(numbers, grid, students))],
    }


def quality_table(numbers: Numbers, grid: Grid, students: Sequence[str]) -> Table:
    """Return what each cell and student finds, the mean over all domains."""
    mean = {"dataset": MEAN, "split": "test"}
    spans, columns, wanted = [], [], []
    for variant, part in ((CLEAN, ""), (UNMET, ", names not met")):
        metrics = RECALLS if variant == CLEAN else RECALLS[:1]
        for direction, title in DIRECTIONS.items():
            spans.append((f"{title}{part}", len(metrics)))
            columns += [f"{short(metric)} %" for metric in metrics]
            place = {**mean, "variant": variant, "direction": direction}
            wanted += [(metric, place) for metric in metrics]
    place = {**mean, "variant": PROMPTED, "direction": "image_to_text"}
    spans.append(("classes", 2))
    columns += ["first %", "first five %"]
    wanted += [(metric, place) for metric in ("accuracy@1", "accuracy@5")]
    return _table("zero-shot", numbers, grid, students, spans, columns, wanted)


def domains_table(numbers: Numbers, grid: Grid, students: Sequence[str], domains: Sequence[str]) -> Table:
    """Return R@1, mean of both directions, and accuracy on each domain."""
    wanted = [(m, _at(domain, m)) for domain in domains for m in ("recall@1", "accuracy@1")]
    spans, columns = [(domain, 2) for domain in domains], ["R@1 %", "classes %"] * len(domains)
    return _table("zero-shot-domains", numbers, grid, students, spans, columns, wanted)


def kept_table(numbers: Numbers, grid: Grid, students: Sequence[str], domains: Sequence[str]) -> Table:
    """Return what is kept of the base model's R@1, mean of both directions, and of its accuracy."""
    places = (MEAN, *domains)
    wanted = [(f"retention_{m}", _at(place, m)) for place in places for m in ("recall@1", "accuracy@1")]
    spans = [("mean" if place == MEAN else place, 2) for place in places]
    columns = ["R@1 %", "classes %"] * len(places)
    return _table("zero-shot-kept", numbers, grid, students, spans, columns, wanted)


def gains_table(numbers: Numbers, grid: Grid, students: Sequence[str], domains: Sequence[str]) -> Table:
    """Return by how much each cell's R@1, mean of both directions, is above each student's."""
    places = (MEAN, *domains)
    wanted = [(f"gain_over_{s}_recall@1", _at(place, "recall@1")) for s in students for place in places]
    spans = [(f"R@1 over {student} %", len(places)) for student in students]
    columns = ["mean", *domains] * len(students)
    return _table("zero-shot-gains", numbers, grid, [], spans, columns, wanted)


def costs_table(numbers: Numbers, grid: Grid, students: Sequence[str]) -> Table:
    """Return what each model is and took: compression and adaptation buy different things."""
    nowhere = dict.fromkeys(("dataset", "split", "variant", "direction"), "-")
    wanted: list[Wanted] = [("recall@1", _at(MEAN, "recall@1")), *((metric, nowhere) for metric in COSTS)]
    spans = [("found", 1), ("what was made", 4), ("one item", 2)]
    return _table("zero-shot-costs", numbers, grid, students, spans, ["R@1 %", *COSTS.values()], wanted)


def _at(dataset: str, metric: str) -> dict[str, str]:
    if metric.startswith("accuracy"):
        return {"dataset": dataset, "split": "test", "variant": PROMPTED, "direction": "image_to_text"}
    return {"dataset": dataset, "split": "test", "variant": CLEAN, "direction": "mean"}


def _table(
    name: str, numbers: Numbers, grid: Grid, students: Sequence[str], spans: list[tuple[str, int]],
    columns: list[str], wanted: Sequence[Wanted],
) -> Table:  # fmt: skip
    """Return a row for each cell that was tried and each student; students have a group of their own."""
    rows = []
    for group, names in [*grid.groups, (STUDENTS, students)]:
        # A student may be called as its only cell is, which the grid has too.
        for cell in names if group == STUDENTS else [name for name in names if name not in students]:
            found = [numbers.find("zero_shot", metric, cell=cell, **where) for metric, where in wanted]
            shown = [figure(numbers, number) for number in found]
            seeds = [n.n_seeds for n in found if n is not None and n.n_seeds is not None]
            row = Row(cell, shown, group=group)
            trained = numbers.find("zero_shot", "trained_parameters", cell=cell)
            if seeds and max(seeds) == 1 and trained and trained.value > 0:
                row = replace(row, caveats=(ONE_SEED,))
            rows += [row] if any(shown) else []
    return without_empty(Table(name, "cell", spans, columns, rows))
