"""Job: the numbers of H3 at size: what is found and lost, times, building, bytes, and how they grow."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from crossmodal.data.tables import read_table
from crossmodal.experiments.scale.claims import claims
from crossmodal.experiments.scale.found import Found, by_system, read_answers
from crossmodal.experiments.scale.growth import DECADE, POWER, exponent, growth
from crossmodal.experiments.scale.judged import WAYS, kept, read_judged
from crossmodal.experiments.scale.params import HNSW, INDEX, Params, size_of, system_of, variant
from crossmodal.experiments.scale.records import Card, Comparison, Cost, Points, Times
from crossmodal.experiments.scale.timed import Timed, read_times
from crossmodal.jobs.run import Ins, Out, Spec, run
from crossmodal.statistics.estimates import Place, aggregate, numbers_of
from crossmodal.statistics.numbers import ALL_SEEDS, Number, write_numbers
from crossmodal.statistics.records import cell_facts
from crossmodal.statistics.settings import StatisticsParameters
from crossmodal.statistics.targets import Target, targets_of

MEMORY = ("codes", "ids", "centroids", "graphs", "bias")
"""The parts of an index that are its memory; the rest of its file are codebooks and headers."""


def main(
    names: Ins, comparisons: Ins, cards: Ins, points: Ins, costs: Ins, answers: Ins, judged: Ins, times: Ins,
    numbers: Out, spec: Spec,
) -> None:  # fmt: skip
    values = spec["parameters"]
    room = Params.model_validate(values["room"])
    if not names:
        write_numbers(numbers, [])
        return
    parameters = StatisticsParameters.model_validate(values["statistics"])
    cell, seed = room.cell or "", _seed(names[0])
    targets = targets_of(claims(room, values["target"], cell_facts(values["cells"])))
    place = Place("scale", cell, values["target"], "test", "-", "text_to_image")
    maker = Maker(place, seed, parameters.level, targets)
    real = read_table(names[0], ["id"]).num_rows

    found: dict[int, Found] = {_size(path): read_answers(path, cell, real, parameters) for path in answers}
    judgements: dict[int, Found] = {_size(path): read_judged(path, cell, parameters) for path in judged}
    timed: dict[int, Timed] = {}
    for size in room.sizes:
        records = [record for path in times if _size(path) == size for record in Times.read(path)]
        timed[size] = read_times(records, parameters)
    rows = [
        *maker.estimates(found, "fraction"),
        *maker.estimates(judgements, "fraction"),
        *maker.estimates(timed, "ms"),
        *maker.grown(by_system(found), DECADE, r"(loss_|index_)recall@\d+"),
        *maker.grown(by_system(found), POWER, r"recall@\d+"),
        *maker.grown(by_system(timed), POWER, r"latency_p\d+"),
        *maker.plain(counted(room, real, [str(names[0])])),
        *maker.plain(of_building := list(built(cards, points, costs))),
        *maker.plain(grown_once(of_building)),
        *maker.plain(keeping(judgements)),
        *maker.plain(rates(timed)),
        *maker.plain(memory(room, times)),
        *maker.plain(density(comparisons)),
    ]
    write_numbers(numbers, rows)


Plain = tuple[str, str, float | None, str, Sequence[str]]
"""Variant, metric, value, unit, sources."""


class Maker:
    """Numbers at one place: of one cell, one seed and one target."""

    def __init__(self, place: Place, seed: str, level: float, targets: Mapping[str, Target]) -> None:
        self.place, self.seed, self.level, self.targets = place, seed, level, targets

    def at(self, name: str) -> Place:
        """Return the place of a variant."""
        place = self.place
        return Place(place.experiment, place.cell, place.dataset, place.split, name, place.direction)

    def estimates(self, sizes: Mapping[int, Mapping[str, Mapping[str, Any]]], unit: str) -> Iterator[Number]:
        """Yield what was estimated, by size, way to search and metric."""
        for size, systems in sizes.items():
            for system, metrics in systems.items():
                for metric, estimate in metrics.items():
                    if metric.startswith("qps"):
                        continue
                    own = "fraction" if metric.startswith("aa_") else unit
                    yield from numbers_of(
                        self.at(variant(system, size)), metric, aggregate({self.seed: estimate}), self.level, own,
                        self.targets,
                    )  # fmt: skip

    def grown(
        self, systems: Mapping[str, Mapping[str, Mapping[int, Any]]], kind: str, which: str
    ) -> Iterator[Number]:
        """Yield how each metric grows with size that the pattern `which` names."""
        for system, metrics in systems.items():
            for metric, by_size in metrics.items():
                if not re.fullmatch(which, metric):
                    continue
                if (slope := growth(by_size, kind)) is None:
                    continue
                unit = "exponent" if kind == POWER else "fraction"
                name = f"{kind}_{metric}"
                yield from numbers_of(self.at(system), name, aggregate({self.seed: slope}), self.level, unit)

    def plain(self, rows: Iterable[Plain]) -> Iterator[Number]:
        """Yield what was counted or measured once."""
        for name, metric, value, unit, sources in rows:
            for seed in (self.seed, ALL_SEEDS):
                yield self.at(name).plain(seed, metric, value, unit, sources)


def counted(room: Params, real: int, sources: Sequence[str]) -> Iterator[Plain]:
    """Yield how many items there are at each size, and how many of them were drawn."""
    for size in room.sizes:
        for system in dict.fromkeys((*room.systems(size), "exhaustive")):
            yield variant(system, size), "items", size, "count", sources
            drawn = max(0, size - real)
            yield variant(system, size), "items_synthetic", drawn, "count", sources
            yield variant(system, size), "synthetic_share", drawn / size, "fraction", sources


def built(cards: Sequence[Path], points: Sequence[Path], costs: Sequence[Path]) -> Iterator[Plain]:
    """Yield bytes, seconds of building and the most memory that a step of it had, and the operating points."""
    for path in cards:
        [card], name = Card.read(path), variant(_kind(path), _size(path))
        held = {part: card.bytes[part] for part in MEMORY if part in card.bytes}
        for part, value in held.items():
            yield name, f"bytes_{part}", value, "bytes", [str(path)]
        yield name, "bytes", sum(held.values()), "bytes", [str(path)]
        yield name, "bytes_per_item", sum(held.values()) / card.items, "bytes", [str(path)]
    for path in points:
        [found], name = Points.read(path), variant(_kind(path), _size(path))
        for setting, chosen in found.chosen.items():
            if chosen is not None:
                yield name, f"point_{setting}", chosen, "plain", [str(path)]
        yield name, "point_recall@10", found.recall, "fraction", [str(path)]
        yield name, "point_reached", float(found.reached), "yes/no", [str(path)]
    steps: dict[str, dict[str, list[Cost]]] = {}
    for path in costs:
        [cost], kind = Cost.read(path), HNSW if path.stem == HNSW else INDEX
        steps.setdefault(variant(kind, _size(path)), {}).setdefault(cost.step, []).append(cost)
    for name, own in steps.items():
        every = [cost for some in own.values() for cost in some]
        sources = [cost.source for cost in every]
        yield name, "build_seconds", sum(cost.seconds for cost in every), "s", sources
        yield name, "build_memory", max(cost.peak_bytes for cost in every), "bytes", sources
        for step, some in own.items() if len(own) > 1 else ():
            seconds = sum(cost.seconds for cost in some)
            yield name, f"build_seconds_{step}", seconds, "s", [cost.source for cost in some]


def grown_once(rows: Sequence[Plain]) -> Iterator[Plain]:
    """Yield the exponents of an index's bytes and of the seconds of its building."""
    for metric in ("bytes", "build_seconds"):
        own = [row for row in rows if row[1] == metric]
        for system in dict.fromkeys(system_of(row[0]) for row in own):
            same = [row for row in own if system_of(row[0]) == system]
            fitted = exponent({size_of(row[0]): row[2] for row in same if row[2] is not None})
            if fitted is not None:
                sources = [source for row in same for source in row[4]]
                yield system, f"{POWER}_{metric}", fitted, "exponent", sources


def keeping(judgements: Mapping[int, Found]) -> Iterator[Plain]:
    """Yield whether validation would keep the second stage, by size."""
    for size, found in judgements.items():
        staged = WAYS["rerank"]
        sources = next(iter(found[staged].values())).sources
        yield variant(staged, size), "validation_keeps", float(kept(found)), "yes/no", sources


def rates(timed: Mapping[int, Timed]) -> Iterator[Plain]:
    """Yield queries a second, one at a time and in batches."""
    for size, systems in timed.items():
        for system, metrics in systems.items():
            for metric, rate in metrics.items():
                if metric.startswith("qps"):
                    yield variant(system, size), metric, rate.value, "1/s", rate.sources


def memory(room: Params, times: Sequence[Path]) -> Iterator[Plain]:
    """Yield the most memory of a process that answers, all ways to search of a size in one."""
    for size in room.sizes:
        records = [record for path in times if _size(path) == size for record in Times.read(path)]
        sources = [record.source for record in records]
        peak = max(record.peak_bytes for record in records)
        yield variant(INDEX, size), "memory_searching", peak, "bytes", sources


def density(comparisons: Sequence[Path]) -> Iterator[Plain]:
    """Yield what drawn vectors are like beside real ones, by set (`real`, `drawn`, `other`)."""
    for path in comparisons:
        [found] = Comparison.read(path)
        yield "drawn", "density_least_move", found.least, "plain", [str(path)]
        yield "drawn", "density_vectors", found.vectors, "count", [str(path)]
        for metric, value in found.drawn_from.items():
            yield "drawn", f"density_{metric}", value, "plain", [str(path)]
        for name in ("real", "drawn", "other"):
            for metric, value in getattr(found, name).items():
                yield name, f"density_{metric}", value, "plain", [str(path)]


def _size(path: Path) -> int:
    """Return the size that a file is of: .../<cell>/s<seed>/<size>/..."""
    return next(int(name) for run, name in reversed(list(pairwise(path.parts))) if re.fullmatch(r"s\d+", run))


def _seed(path: Path) -> str:
    return path.parent.name.removeprefix("s")


def _kind(path: Path) -> str:
    return path.name.partition(".")[0]


if __name__ == "__main__":
    run(main)
