"""Numbers of what runs report beside the results of queries: sizes, operating points, epochs, blind probes."""

from collections.abc import Iterable, Iterator, Sequence

from crossmodal.experiments.search.blindness import blind_estimates
from crossmodal.experiments.search.names import EXPAND, Way
from crossmodal.experiments.search.params import Params
from crossmodal.experiments.search.records import IndexFacts, RunRecord
from crossmodal.statistics.estimates import Place
from crossmodal.statistics.numbers import ALL_SEEDS, Number
from crossmodal.statistics.queries import TEXT_TO_IMAGE
from crossmodal.statistics.records import distinct
from crossmodal.statistics.settings import StatisticsParameters

SETTINGS = ("nprobe", "ef_search", "k_factor")
"""What an operating point sets."""
NEIGHBOUR = 4
"""Bytes of a neighbour in the graph of what training captions find together."""
OPEN = ("k", "weight", "temperature", "alpha", "beta")
"""What validation lists choose of a second stage that is not trained."""


def fact_numbers(
    records: Sequence[RunRecord], room: Params, target: str, parameters: StatisticsParameters
) -> Iterator[Number]:
    """Yield the numbers of all runs of every cell; means over runs where nothing else is said.

    Of an index in a gallery `items`, `bytes` (its file; of `<index>+expand` with its graph), `bytes_index`
    (codes, ids, centroids and graphs) and `bytes_per_item`; on the split val, by the side that asks (`text`,
    `image`): `nprobe_<side>` and its like, `validation_recall@10_<side>` of exhaustive search's top ten,
    `reached_<side>` (the share of runs that reach the target). Of a second stage `epoch` of every run and
    `epoch_zero`, the share of runs at 0, `validation_mrr` and that of exact re-scoring, `chosen_<parameter>`.
    Of the claims' index's candidates `blind_auc` and its like.
    """
    for cell in distinct(records, "cell"):
        runs = [record for record in records if record.cell == cell]
        test = Place("search", cell, target, "test", "-", TEXT_TO_IMAGE)
        yield from _index_numbers(test, runs, room)
        yield from _stage_numbers(test, runs, room)
        yield from _probe_numbers(test, runs, room, parameters)


def _at(place: Place, way: Way, gallery: str, room: Params, split: str = "test") -> Place:
    """Return `place` with the variant of a way in a gallery, on another split where that is given."""
    variant = room.named(way, gallery).variant
    return Place(place.experiment, place.cell, place.dataset, split, variant, place.direction)


def _index_numbers(place: Place, runs: Sequence[RunRecord], room: Params) -> Iterator[Number]:
    keys = dict.fromkeys((facts.gallery, facts.index) for run in runs for facts in run.indexes)
    sources = distinct(runs, "source")
    for gallery, index in keys:
        own = [f for run in runs for f in run.indexes if (f.gallery, f.index) == (gallery, index)]
        here = _at(place, Way(index), gallery, room)
        held = [sum(v for part, v in facts.bytes.items() if part not in ("other", "file")) for facts in own]
        for metric, unit, values in (
            ("items", "count", [facts.items for facts in own]),
            ("bytes", "bytes", [facts.bytes["file"] for facts in own]),
            ("bytes_index", "bytes", held),
            ("bytes_per_item", "bytes", [facts.bytes["file"] / max(1, facts.items) for facts in own]),
        ):
            yield here.plain(ALL_SEEDS, metric, _mean(values), unit, sources)
        if room.expansion and index in room.expansion.indexes:
            # Beside the index the graph is kept: so many neighbours of every item.
            files = [facts.bytes["file"] + NEIGHBOUR * room.expansion.degree * facts.items for facts in own]
            expanded = _at(place, Way(index, EXPAND), gallery, room)
            yield expanded.plain(ALL_SEEDS, "bytes", _mean(files), "bytes", sources)
        chosen = _at(place, Way(index), gallery, room, "val")
        for side in own[0].points:
            yield from _point_numbers(chosen, own, side, sources)


def _point_numbers(
    place: Place, own: Sequence[IndexFacts], side: str, sources: Sequence[str]
) -> Iterator[Number]:
    points = [facts.points[side] for facts in own]
    for setting in SETTINGS:
        values = [point.point.get(setting) for point in points]
        known = [value for value in values if value is not None]
        if known and not (setting == "k_factor" and set(known) == {1.0}):
            yield place.plain(ALL_SEEDS, f"{setting}_{side}", _mean(known), "1", sources)
    recall = _mean([point.recall for point in points])
    yield place.plain(ALL_SEEDS, f"validation_recall@10_{side}", recall, "fraction", sources)
    reached = _mean([float(point.reached) for point in points])
    yield place.plain(ALL_SEEDS, f"reached_{side}", reached, "fraction", sources)


def _stage_numbers(place: Place, runs: Sequence[RunRecord], room: Params) -> Iterator[Number]:
    index = room.index or room.exhaustive or "-"
    for stage in dict.fromkeys(facts.stage for run in runs for facts in run.stages):
        by_run = [(run, next(f for f in run.stages if f.stage == stage)) for run in runs]
        here = _at(place, Way(index, stage), room.main_gallery(), room, "val")
        sources = distinct(runs, "source")
        epochs = {run.run: facts.epoch for run, facts in by_run if facts.epoch is not None}
        for number, epoch in epochs.items():
            yield here.plain(str(number), "epoch", float(epoch), "1", sources)
        if epochs:
            yield here.plain(ALL_SEEDS, "epoch", _mean(list(epochs.values())), "1", sources)
            at_zero = _mean([float(epoch == 0) for epoch in epochs.values()])
            yield here.plain(ALL_SEEDS, "epoch_zero", at_zero, "fraction", sources)
            for metric, side in (("validation_mrr", "validation"), ("validation_mrr_exact", "exact")):
                values = [getattr(facts, side)["mrr"] for _, facts in by_run]
                yield here.plain(ALL_SEEDS, metric, _mean(values), "fraction", sources)
            continue
        for name in OPEN:
            values = [facts.params[name] for _, facts in by_run if facts.params.get(name) is not None]
            if values:
                yield here.plain(ALL_SEEDS, f"chosen_{name}", _mean(values), "1", sources)


def _probe_numbers(
    place: Place, runs: Sequence[RunRecord], room: Params, parameters: StatisticsParameters
) -> Iterator[Number]:
    for run in runs:
        for gallery, index in dict.fromkeys((probe.gallery, probe.index) for probe in run.probes):
            own = [probe for probe in run.probes if (probe.gallery, probe.index) == (gallery, index)]
            here = _at(place, Way(index), gallery, room)
            estimates = blind_estimates(own, parameters.resamples, parameters.bootstrap_seed, run.source)
            for metric, estimate in estimates:
                yield here.number(ALL_SEEDS, metric, estimate, parameters.level, "fraction")


def _mean(values: Iterable[float]) -> float:
    known = list(values)
    return sum(known) / len(known)
