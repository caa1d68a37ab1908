"""Tables of image encoders: what each finds and takes, and its rank@k, which is a precision."""

from collections.abc import Sequence

from crossmodal.experiments.encoders.params import Params
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
    told_of_seeds,
    without_empty,
)
from crossmodal.statistics.names import CHANCE

COSTS = {
    "image_size": "px",
    "pretrained": "others’ weights",
    "parameters_tower": "image tower",
    "parameters": "both towers",
    "flops": "MFLOP",
    "latency_1": "one image ms",
    "latency_5": "five ms",
    "latency_batch": "a batch ms",
    "throughput_image": "images/s",
    "memory_peak": "memory, one image",
    "training_loss": "training",
    "validation_loss": "validation",
}
PRECISIONS = ("precision@1", "precision@5", "precision@10")


def tables(numbers: Numbers, cells: Sequence[str], room: Params, target: str) -> Tables:
    """Return the tables of this experiment by the name that a published page has them under."""
    return {
        "encoders": [("", quality_table(numbers, cells, room, target))],
        "encoders-costs": [("", costs_table(numbers, cells))],
    }


def quality_table(numbers: Numbers, cells: Sequence[str], room: Params, target: str) -> Table:
    """Return recall, mAP, rank@k and what is kept of the reference, of each encoder and of what stands beside."""
    place = {"dataset": target, "split": "test", "variant": "clean"}
    spans, columns, wanted = [], [], []
    for direction, title in DIRECTIONS.items():
        spans += [(title, len(RECALLS) + 1), (f"{title}, rank@k", len(PRECISIONS))]
        columns += [*(f"{short(metric)} %" for metric in RECALLS), "mAP %"]
        columns += [f"rank@{metric.partition('@')[2]} %" for metric in PRECISIONS]
        wanted += [(m, {**place, "direction": direction}) for m in (*RECALLS, "map", *PRECISIONS)]
    spans.append(("kept, mean", 2))
    columns += ["R@1 %", "R@10 %"]
    wanted += [(m, {**place, "direction": "mean"}) for m in ("kept_recall@1", "kept_recall@10")]
    blind = [CHANCE, *([room.probe] if room.probe else [])]
    groups = {"encoders": cells, "adapted and not": room.beside, "without a model": blind}
    rows = [
        Row(
            cell,
            [figure(numbers, numbers.find("encoders", m, cell=cell, **where)) for m, where in wanted],
            group=group,
            caveats=(ONE_SEED,) if cell in cells else (),
        )
        for group, own in groups.items()
        for cell in own
    ]
    rows = [told_of_seeds(numbers, row) if row.name in room.beside else row for row in rows]
    return without_empty(
        Table("encoders", "encoder", spans, columns, [row for row in rows if any(row.figures)])
    )


def costs_table(numbers: Numbers, cells: Sequence[str]) -> Table:
    """Return parameters, operations, times, memory and losses of each encoder."""
    rows = [
        Row(cell, [figure(numbers, numbers.find("encoders", metric, cell=cell)) for metric in COSTS])
        for cell in cells
    ]
    spans = [("begins with", 2), ("parameters", 2), ("image encoder", 6), ("loss, nats", 2)]
    kept = [row for row in rows if any(row.figures)]
    return without_empty(Table("encoders-costs", "encoder", spans, list(COSTS.values()), kept))
