"""Job: the numbers of image encoders: what they find, what they take, what is kept of the largest's recall."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from crossmodal.data.tables import read_table
from crossmodal.experiments.encoders.claims import claims
from crossmodal.experiments.encoders.costs import ROOM, cost_numbers
from crossmodal.experiments.encoders.params import Params
from crossmodal.experiments.encoders.precision import CUTOFFS, by_image
from crossmodal.experiments.encoders.records import TowerCost, read_losses
from crossmodal.jobs.run import Ins, Out, Spec, run
from crossmodal.statistics.bootstrap import Resampler
from crossmodal.statistics.cells import retrieval_record
from crossmodal.statistics.chance import chance_recalls
from crossmodal.statistics.comparisons import RECALLS, with_mean
from crossmodal.statistics.estimates import (
    Estimate,
    Place,
    aggregate,
    combine,
    difference,
    numbers_of,
    ratio,
)
from crossmodal.statistics.names import CHANCE
from crossmodal.statistics.numbers import ALL_SEEDS, Number, write_numbers
from crossmodal.statistics.panel import CLEAN, Key, Measured, Panel, Result, read_result
from crossmodal.statistics.queries import DIRECTIONS
from crossmodal.statistics.settings import StatisticsParameters
from crossmodal.statistics.targets import Target, targets_of

METRICS = (*RECALLS, "map")


def main(
    queries: Ins,
    beside: Ins,
    probe: Ins,
    precision: Ins,
    times: Ins,
    training: Ins,
    numbers: Out,
    spec: Spec,
) -> None:
    values = spec["parameters"]
    room, target = Params.model_validate(values["room"]), values["target"]
    statistics = StatisticsParameters.model_validate(values["statistics"])
    results = [read_result(retrieval_record(path, ROOM)) for path in [*queries, *beside, *probe]]
    found = [
        *quality_numbers(results, room, target, statistics, targets_of(claims(room, target, {}))),
        *(number for path in queries[:1] for number in chance_numbers(path, target)),
        *(number for path in precision for number in precision_numbers(path, target, statistics)),
        *(
            cost_numbers(costs, statistics)
            if (costs := [c for p in times for c in TowerCost.read(p)])
            else ()
        ),
        *(n for cell, path in zip(room.cells, training, strict=True) for n in loss_numbers(cell, path)),
    ]
    write_numbers(numbers, found)


def quality_numbers(
    results: Sequence[Result],
    room: Params,
    target: str,
    parameters: StatisticsParameters,
    targets: Mapping[str, Target] | None = None,
) -> list[Number]:
    """Return recall and mAP of each encoder and of what stands beside; `kept_recall@k`, `gain_over_<probe>_...`.

    Means over directions with them; kept is of what the reference finds, gained is what a cell finds beyond the
    probe.
    """
    if not results:
        return []
    panel, numbers = Panel(results, parameters), list[Number]()
    reference = panel.measure(room.reference) if room.reference else {}
    probe = panel.measure(room.probe) if room.probe else {}
    for cell in dict.fromkeys(result.record.cell for result in results):
        measured = panel.measure(cell)
        for metric in METRICS:
            own, whole = _directions(measured, target, metric), _directions(reference, target, metric)
            for direction, seeds in with_mean(own).items():
                place = Place(ROOM, cell, target, "test", CLEAN, direction)
                numbers += numbers_of(place, metric, seeds, parameters.level)
            compared = {}
            if metric in RECALLS and cell != room.reference:
                compared[f"kept_{metric}"] = {d: combine(ratio, own[d], whole[d]) for d in own if d in whole}
            if metric in RECALLS and cell != room.probe:
                blind = _directions(probe, target, metric)
                gained = {d: combine(difference, own[d], blind[d]) for d in own if d in blind}
                compared[f"gain_over_{room.probe}_{metric}"] = gained
            for name, found in compared.items():
                for direction, seeds in with_mean(found).items():
                    place = Place(ROOM, cell, target, "test", CLEAN, direction)
                    numbers += numbers_of(place, name, seeds, parameters.level, targets=targets)
    return numbers


def chance_numbers(path: Path, target: str) -> list[Number]:
    """Return the recall that random order is expected to have, as the cell `CHANCE`, of the queries in `path`."""
    chances = chance_recalls(path)
    chances["mean"] = {m: float(np.mean([own[m] for own in chances.values()])) for m in RECALLS}
    return [
        Place(ROOM, CHANCE, target, "test", CLEAN, direction).plain(
            ALL_SEEDS, metric, value, "fraction", [str(path)]
        )
        for direction, own in chances.items()
        for metric, value in own.items()
    ]


def precision_numbers(path: Path, target: str, parameters: StatisticsParameters) -> list[Number]:
    """Return `precision@k` of each encoder and direction, from the precision of each query."""
    table, numbers = read_table(path), list[Number]()
    names = [f"precision@{k}" for k in CUTOFFS]
    for cell in dict.fromkeys(table["cell"].to_pylist()):
        for direction in DIRECTIONS:
            rows = table.filter(
                pc.and_(pc.equal(table["cell"], cell), pc.equal(table["direction"], direction))
            )
            values = np.stack([rows[name].to_numpy() for name in names], axis=1)
            images, sums, counts = by_image(values, rows["cluster"].to_pylist())
            samples = Resampler(len(images), parameters.resamples, parameters.bootstrap_seed).means(
                sums, counts
            )
            place = Place(ROOM, cell, target, "test", CLEAN, direction)
            for column, name in enumerate(names):
                estimate = Estimate(
                    float(values[:, column].mean()), samples[:, column], len(values), (str(path),), 1,
                    clusters=len(images),
                )  # fmt: skip
                numbers.append(place.number(ALL_SEEDS, name, estimate, parameters.level, "fraction"))
    return numbers


def loss_numbers(cell: str, path: Path) -> list[Number]:
    """Return `training_loss` and `validation_loss`, nats, of the epoch that is a cell's base model."""
    losses = read_losses(path)
    if losses is None:
        return []
    place = Place(ROOM, cell, "-", "-", "-", "-")
    rows = zip(("training_loss", "validation_loss"), losses, strict=True)
    return [
        place.plain(ALL_SEEDS, name, loss, "nats", [str(path)]) for name, loss in rows if loss is not None
    ]


def _directions(measured: Measured, target: str, metric: str) -> dict[str, dict[str, Estimate]]:
    keys = {d: Key(ROOM, target, CLEAN, d, metric) for d in DIRECTIONS}
    return {d: aggregate(measured[key]) for d, key in keys.items() if key in measured}


if __name__ == "__main__":
    run(main)
