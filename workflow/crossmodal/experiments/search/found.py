"""Numbers of what ways to search find, lose beside exhaustive search, and gain beside what is plainer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from crossmodal.data.tables import read_table
from crossmodal.experiments.search.names import EXPAND, INDEX_RECALL, KEPT, REFINE, Way, read_way
from crossmodal.experiments.search.params import Params
from crossmodal.statistics.aa import aa_numbers
from crossmodal.statistics.cells import cells_of
from crossmodal.statistics.comparisons import loss_of
from crossmodal.statistics.estimates import Place, Seeds, aggregate, combine, difference, numbers_of
from crossmodal.statistics.numbers import ALL_SEEDS, Number
from crossmodal.statistics.panel import Panel, Result, Sums
from crossmodal.statistics.queries import TEXT_TO_IMAGE
from crossmodal.statistics.records import QueryRecord
from crossmodal.statistics.settings import StatisticsParameters
from crossmodal.statistics.targets import Target

HEADLINE = "recall@10"
BY_RUN = (HEADLINE, f"gain_over_exact_{HEADLINE}")
"""What each run has a number of, beside that of all runs."""
GAINS = ("recall@1", HEADLINE)

Targets = Mapping[str, Target]


def read_answers(path: Path, room: Params, target: str) -> Iterator[Result]:
    """Yield the results of each way, place and set of queries that one run's file of answers holds.

    The place of the file says what it is of: .../<cell>/s<seed>/r<run>/<file>. The run takes the place of the
    seed: of the cell there is one. What a way finds of the exhaustive top ten is a metric where that is what it
    looks for.
    """
    cell, _, run = path.parts[-4:-1]
    metrics = [*KEPT, INDEX_RECALL]
    frame = read_table(path, ["gallery", "way", "asked", "cluster", *metrics]).to_pandas()
    for names, rows in frame.groupby(["gallery", "way", "asked"], sort=False, observed=True):
        gallery, plain, asked = map(str, names)
        way = room.named(read_way(plain), gallery, asked)
        own = metrics if looks_for_nearest(way, room) else [*KEPT]
        grouped = rows.groupby("cluster", sort=False, observed=True)
        counts = grouped.size()
        record = QueryRecord(
            experiment="search", cell=cell, seed=int(run[1:]), dataset=target, split="test",
            variant=way.variant, path=path,
        )  # fmt: skip
        sums = grouped[own].sum().to_numpy(np.float64)
        found = Sums(tuple(own), list(counts.index), sums, counts.to_numpy(np.float64))
        yield Result(record, {TEXT_TO_IMAGE: found})


def looks_for_nearest(way: Way, room: Params) -> bool:
    """Return whether a way looks for what exhaustive search finds: neither corrected by NNN nor re-ranked."""
    corrected = way.base in room.indexes and room.indexes[way.base].nnn is not None
    return not corrected and (not way.stage or is_exact(way.stage, room))


def is_exact(stage: str, room: Params) -> bool:
    """Return whether a stage puts candidates in the order of their exact inner products."""
    return stage in (REFINE, EXPAND) or (stage in room.stages and room.stages[stage].kind == "exact")


def found_numbers(
    results: Sequence[Result], room: Params, parameters: StatisticsParameters, targets: Targets | None = None
) -> list[Number]:
    """Return quality, losses and gains of every way in each gallery and under each shift.

    Seeds are the runs of one cell's indexes and second stages. `targets` are what claims say of numbers, by id.
    """
    numbers: list[Number] = []
    for cell in cells_of(results):
        own = [result for result in results if result.record.cell == cell]
        for group in _by_place(own, room):
            record = group[0].record
            place = Place("search", cell, record.dataset, record.split, "-", TEXT_TO_IMAGE)
            estimates = Panel(group, parameters).measure(cell)
            measured = {(key.variant, key.metric): seeds for key, seeds in estimates.items()}
            numbers += _quality(place, measured, parameters.level)
            numbers += _comparisons(place, measured, room, parameters.level, targets or {})
    return numbers


Found = dict[tuple[str, str], Seeds]
"""Estimates by variant and metric."""


def _by_place(results: Sequence[Result], room: Params) -> Iterator[list[Result]]:
    """Yield what is compared: the results in one gallery under one shift. All are resampled alike."""
    places: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        places.setdefault(read_way(result.record.variant, list(room.galleries)).place, []).append(result)
    yield from places.values()


def _quality(place: Place, found: Found, level: float) -> Iterator[Number]:
    for (variant, metric), seeds in found.items():
        yield from _shown(replace(place, variant=variant), metric, aggregate(seeds), level)


def _comparisons(
    place: Place, found: Found, room: Params, level: float, targets: Targets
) -> Iterator[Number]:
    for (variant, metric), seeds in found.items():
        way, here = read_way(variant, list(room.galleries)), replace(place, variant=variant)
        if metric == HEADLINE:
            lost = found.get((exhaustive_of(way, room), metric))
            if lost and way.base != room.exhaustive:
                yield from _shown(here, f"loss_{metric}", combine(loss_of, seeds, lost), level, targets)
        if metric in GAINS:
            exact = found.get((exact_of(way, room), metric))
            if exact and way.stage and way.variant != exact_of(way, room):
                gain = combine(difference, seeds, exact)
                yield from _shown(here, f"gain_over_exact_{metric}", gain, level, targets)
        plain = found.get((plain_of(way, room), metric))
        if plain and metric in (HEADLINE, INDEX_RECALL):
            gain = combine(difference, seeds, plain)
            yield from _shown(here, f"gain_over_index_{metric}", gain, level, targets)
        if metric == HEADLINE and way.base == room.index and way.stage in ("", room.stage):
            yield from aa_numbers(partial(_same, here), metric, {"-": seeds}, level, ("aa_difference",))


def _same(place: Place, direction: str) -> Place:
    return place


def exhaustive_of(way: Way, room: Params) -> str:
    """Return the variant of exhaustive search where `way` searches."""
    return way._replace(base=room.exhaustive or "", stage="").variant


def exact_of(way: Way, room: Params) -> str:
    """Return the variant of exact re-scoring of the candidates that `way` has; of a flat index that is itself."""
    index = room.indexes.get(way.base)
    if index is not None and index.kind == "flat":
        return way._replace(stage="").variant
    exact = {name: stage.candidates for name, stage in room.stages.items() if stage.kind == "exact"}
    own = room.stages[way.stage].candidates if way.stage in room.stages else 0
    if way.stage == EXPAND and room.expansion:
        own = room.expansion.candidates
    alike = [name for name, candidates in exact.items() if candidates == own]
    return way._replace(stage=next(iter(alike), "-")).variant


def plain_of(way: Way, room: Params) -> str:
    """Return the variant of the claims' index where `way` has another one; of exhaustive search none."""
    index = room.indexes.get(way.base)
    if index is None or index.kind == "flat" or room.index is None or way.base == room.index:
        return "-"
    return way._replace(base=room.index).variant


def _shown(
    place: Place, metric: str, seeds: Seeds, level: float, targets: Targets | None = None
) -> Iterator[Number]:
    """Yield the numbers of an estimate: of all runs, and of what is in BY_RUN those of each run."""
    for number in numbers_of(place, metric, seeds, level, targets=targets):
        if number.seed == ALL_SEEDS or metric in BY_RUN:
            yield _clipped(number) if metric == INDEX_RECALL else number


def _clipped(number: Number) -> Number:
    """Return a share with the interval that a share can have."""
    if number.ci_low is None or number.ci_high is None:
        return number
    return replace(number, ci_low=max(0.0, number.ci_low), ci_high=min(1.0, number.ci_high))
