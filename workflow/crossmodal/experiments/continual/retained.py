"""What learning sessions leaves of the base model: classes of other datasets, and retrieval on the target."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import pyarrow.compute as pc

from crossmodal.experiments.continual.board import Board, Run
from crossmodal.experiments.continual.costs import ROOM
from crossmodal.experiments.continual.params import CONTINUAL, Params
from crossmodal.statistics.comparisons import RECALLS, with_mean
from crossmodal.statistics.estimates import (
    Estimate,
    Place,
    above,
    aggregate,
    combine,
    fixed,
    numbers_of,
    ratio,
)
from crossmodal.statistics.numbers import Number
from crossmodal.statistics.panel import CLEAN, Key, Measured, Panel, read_result
from crossmodal.statistics.queries import DIRECTIONS
from crossmodal.statistics.records import QueryRecord
from crossmodal.statistics.settings import StatisticsParameters

BEFORE = "before:"
"""Stands before the name of a base model where a cell's stands: no cell has a colon."""


def elsewhere_numbers(runs: Sequence[Run], room: Params, statistics: StatisticsParameters) -> list[Number]:
    """Return `accuracy` on other datasets after the last session, `accuracy_before`, and `retention_above_chance`.

    That is the ratio of what both are above chance, on the same draws of images: a classifier that lost everything
    has nothing of it left, where the ratio of the accuracies would leave it chance.
    """
    own = [run for run in runs if run.plan == CONTINUAL]
    if not own:
        return []
    board, level, last, numbers = Board(own, statistics), statistics.level, room.count(), list[Number]()
    for cell in dict.fromkeys(run.cell for run in own):
        for dataset in room.retention.datasets:
            key = (dataset, "test", CLEAN)
            found = {
                str(run.order): board.accuracies(run, key)
                for run in own
                if run.cell == cell and key in board.sets(run)
            }
            if not found:
                continue
            after = aggregate({order: matrix[last, 0] for order, matrix in found.items()})
            before = aggregate({order: matrix[0, 0] for order, matrix in found.items()})
            place = Place(ROOM, cell, *key, "-")
            numbers += numbers_of(place, "accuracy", after, level)
            numbers += numbers_of(place, "accuracy_before", before, level)
            left = combine(partial(_left, chance=1 / _classes(own[0], dataset)), after, before)
            numbers += numbers_of(place, "retention_above_chance", left, level)
    return numbers


def _left(after: Estimate, before: Estimate, *, chance: float) -> Estimate:
    return ratio(above(after, chance), above(before, chance))


def _classes(run: Run, dataset: str) -> int:
    return len(pc.unique(run.table.filter(pc.equal(run.table["dataset"], dataset))["label"]))


def search_numbers(
    searches: Sequence[Path],
    before: Sequence[Path],
    models: Mapping[str, str],
    target: str,
    statistics: StatisticsParameters,
) -> list[Number]:
    """Return `recall@k` on the target after the last session, and `retention_recall@k` of the base model's.

    `searches` lie at .../<cell>/o<order>/queries.parquet, `before` at .../<model>/queries.parquet; `models` are
    the base models of cells.
    """
    if not searches:
        return []
    records = [_record(path, path.parts[-3], int(path.parts[-2][1:]), target) for path in searches]
    records += [_record(path, f"{BEFORE}{path.parts[-2]}", 0, target) for path in before]
    panel = Panel([read_result(record) for record in records], statistics)
    numbers = list[Number]()
    for cell in dict.fromkeys(record.cell for record in records if not record.cell.startswith(BEFORE)):
        measured, base = panel.measure(cell), panel.measure(f"{BEFORE}{models[cell]}")
        for metric in RECALLS:
            own, was = _directions(measured, target, metric), _directions(base, target, metric)
            kept = {d: combine(ratio, own[d], fixed(was[d])) for d in own if d in was}
            for name, found in ((metric, own), (f"retention_{metric}", kept)):
                for direction, seeds in with_mean(found).items():
                    place = Place(ROOM, cell, target, "test", CLEAN, direction)
                    numbers += numbers_of(place, name, seeds, statistics.level)
    return numbers


def _record(path: Path, cell: str, order: int, target: str) -> QueryRecord:
    return QueryRecord(experiment=ROOM, cell=cell, seed=order, dataset=target, split="test", path=path)


def _directions(measured: Measured, target: str, metric: str) -> dict[str, dict[str, Estimate]]:
    keys = {d: Key(ROOM, target, CLEAN, d, metric) for d in DIRECTIONS}
    return {d: aggregate(measured[key]) for d, key in keys.items() if key in measured}
