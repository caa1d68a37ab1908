"""Tables of H4: what is found on each domain, what of the base model is kept, what each model took."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from crossmodal.experiments.zero_shot.params import CLEAN, PROMPTED, Params
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
from crossmodal.statistics.names import CHANCE

MEAN = "domains"
STUDENTS = "students"
BLIND = "without a model"
UNMET = f"{CLEAN}@unmet"
PER_DOMAIN = ("recall@10", "accuracy@1")
"""Recall@1 of one domain is a handful of queries."""
Wanted = tuple[str, Mapping[str, str]]
"""A metric of experiment `zero_shot` and its coordinates."""
COSTS = {
    "parameters": "parameters",
    "parameters_without_tokens": "without the token table",
    "trained_parameters": "trained",
    "training_seconds": "training s",
    "validation_mrr": "chosen by, MRR",
    "flops_image": "MFLOP an image",
    "flops_text": "MFLOP a caption",
}


def tables(numbers: Numbers, grid: Grid, room: Params) -> Tables:
    """Return the tables of this experiment by the name that a published page has them under."""
    return {
        "zero-shot": [("", quality_table(numbers, grid, room))],
        "zero-shot-domains": [("", domains_table(numbers, grid, room))],
        "zero-shot-kept": [("", kept_table(numbers, grid, room))],
        "zero-shot-gains": [("", gains_table(numbers, grid, room))],
        "zero-shot-costs": [("", costs_table(numbers, grid, room))],
    }


def quality_table(numbers: Numbers, grid: Grid, room: Params) -> Table:
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
    return _table("zero-shot", numbers, grid, room, spans, columns, wanted)


def domains_table(numbers: Numbers, grid: Grid, room: Params) -> Table:
    """Return R@10, mean of both directions, and accuracy on each domain."""
    wanted = [(m, _at(domain, m)) for domain in room.domains for m in PER_DOMAIN]
    spans = [(domain, len(PER_DOMAIN)) for domain in room.domains]
    columns = [_title(m) for m in PER_DOMAIN] * len(room.domains)
    return _table("zero-shot-domains", numbers, grid, room, spans, columns, wanted)


def kept_table(numbers: Numbers, grid: Grid, room: Params) -> Table:
    """Return what is kept of the base model's recall, mean of both directions, and of its accuracy."""
    places = {MEAN: ("recall@1", *PER_DOMAIN), **dict.fromkeys(room.domains, PER_DOMAIN)}
    wanted = [(f"retention_{m}", _at(place, m)) for place, own in places.items() for m in own]
    spans = [("mean" if place == MEAN else place, len(own)) for place, own in places.items()]
    columns = [_title(m) for own in places.values() for m in own]
    return _table("zero-shot-kept", numbers, grid, room, spans, columns, wanted)


def gains_table(numbers: Numbers, grid: Grid, room: Params) -> Table:
    """Return by how much each cell's recall, mean of both directions, is above the students' and the probe's.

    The mean over domains of each; of R@10 over a student that stands alone each domain as well.
    """
    spans, columns, wanted = [], [], list[Wanted]()
    for other in [*room.students, *([room.probe] if room.probe else [])]:
        places = [("recall@1", MEAN), ("recall@10", MEAN)]
        places += [("recall@10", domain) for domain in room.domains if [other] == [*room.students]]
        spans.append((f"over {other}", len(places)))
        columns += [f"{short(m)}{'' if place == MEAN else f', {place}'} %" for m, place in places]
        wanted += [(f"gain_over_{other}_{m}", _at(place, m)) for m, place in places]
    return _table("zero-shot-gains", numbers, grid, room, spans, columns, wanted)


def costs_table(numbers: Numbers, grid: Grid, room: Params) -> Table:
    """Return what each model is and took: compression and adaptation buy different things."""
    nowhere = dict.fromkeys(("dataset", "split", "variant", "direction"), "-")
    wanted: list[Wanted] = [("recall@10", _at(MEAN, "recall@10")), *((metric, nowhere) for metric in COSTS)]
    spans = [("found", 1), ("what was made", 5), ("one item", 2)]
    return _table("zero-shot-costs", numbers, grid, room, spans, ["R@10 %", *COSTS.values()], wanted)


def _title(metric: str) -> str:
    return "classes %" if metric.startswith("accuracy") else f"{short(metric)} %"


def _at(dataset: str, metric: str) -> dict[str, str]:
    if metric.startswith("accuracy"):
        return {"dataset": dataset, "split": "test", "variant": PROMPTED, "direction": "image_to_text"}
    return {"dataset": dataset, "split": "test", "variant": CLEAN, "direction": "mean"}


def _table(
    name: str, numbers: Numbers, grid: Grid, room: Params, spans: list[tuple[str, int]],
    columns: list[str], wanted: Sequence[Wanted],
) -> Table:  # fmt: skip
    """Return a row for each cell that was tried, each student and what sees no network, in groups."""
    rows = []
    blind = [CHANCE, *([room.probe] if room.probe else [])]
    # A student may be called as its only cell is, which the grid has too.
    own = [(group, [cell for cell in cells if cell not in room.students]) for group, cells in grid.groups]
    for group, names in [*own, (STUDENTS, room.students), (BLIND, blind)]:
        for cell in names:
            found = [numbers.find("zero_shot", metric, cell=cell, **where) for metric, where in wanted]
            shown = [figure(numbers, number) for number in found]
            seeds = [n.n_seeds for n in found if n is not None and n.n_seeds is not None]
            row = Row(cell, shown, group=group)
            trained = numbers.find("zero_shot", "trained_parameters", cell=cell)
            if seeds and min(seeds) == 1 and trained and trained.value > 0:
                row = replace(row, caveats=(ONE_SEED,))
            rows += [row] if any(shown) else []
    return without_empty(Table(name, "cell", spans, columns, rows))
