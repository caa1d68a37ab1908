"""Query results of many models on the same images, resampled together."""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from crossmodal.data.tables import read_table
from crossmodal.errors import UserError
from crossmodal.statistics.bootstrap import Resampler
from crossmodal.statistics.estimates import Estimate, Seeds
from crossmodal.statistics.metrics import CONCEPT_METRICS, METRICS
from crossmodal.statistics.queries import DIRECTIONS, IMAGE_TO_TEXT
from crossmodal.statistics.records import QueryRecord
from crossmodal.statistics.settings import StatisticsParameters

CLEAN = "clean"


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """The queries of one direction of a result, summed by cluster."""

    metrics: tuple[str, ...]
    clusters: list[str]
    sums: NDArray[np.float64]
    """Sum of each metric over the queries of a cluster, [clusters, metrics]."""
    counts: NDArray[np.float64]
    """Queries of each cluster, [clusters]."""


class Result(NamedTuple):
    """A queries.parquet, read: its record and its sums by direction."""

    record: QueryRecord
    sums: dict[str, Sums]


class Key(NamedTuple):
    """What was measured of a cell, on one split."""

    experiment: str
    dataset: str
    variant: str
    direction: str
    metric: str


Measured = dict[Key, Seeds]


def read_result(record: QueryRecord) -> Result:
    """Read the query results that `record` names; UserError if the file is missing or not readable.

    Recall by concept is read of images that ask clean sets: there several captions of one concept compete, and
    elsewhere nobody reports it.
    """
    return Result(record, _read(record.path, CONCEPT_METRICS if record.variant == CLEAN else ()))


def restricted(result: Result, images: Container[str]) -> Result | None:
    """Return `result` for the queries that these images own, or None where there is none; galleries stay whole."""
    sums: dict[str, Sums] = {}
    for direction, part in result.sums.items():
        rows = [row for row, cluster in enumerate(part.clusters) if cluster in images]
        if rows:
            clusters = [part.clusters[row] for row in rows]
            sums[direction] = Sums(part.metrics, clusters, part.sums[rows], part.counts[rows])
    return Result(result.record, sums) if sums else None


def _read(path: Path, concepts: tuple[str, ...]) -> dict[str, Sums]:
    table = read_table(path, ["direction", "cluster", *METRICS, *concepts])
    sums: dict[str, Sums] = {}
    for direction in DIRECTIONS:
        rows = table.filter(pc.equal(table["direction"], direction))
        if not len(rows):
            continue
        known = [name for name in concepts if direction == IMAGE_TO_TEXT and not rows[name].null_count]
        metrics = (*METRICS, *known)
        values = np.stack([rows[name].to_numpy() for name in metrics], axis=1)
        sums[direction] = _sum(metrics, rows["cluster"], values)
    return sums


def _sum(metrics: tuple[str, ...], clusters: pa.ChunkedArray, values: NDArray[Any]) -> Sums:
    encoded = clusters.combine_chunks().dictionary_encode()
    codes, count = encoded.indices.to_numpy(), len(encoded.dictionary)
    columns = [np.bincount(codes, weights=column, minlength=count) for column in values.T]
    counts = np.bincount(codes, minlength=count).astype(np.float64)
    return Sums(metrics, encoded.dictionary.to_pylist(), np.stack(columns, axis=1), counts)


class Panel:
    """Results that are resampled with the same draws of images: those over the same images are paired.

    Draws are over the union of the images that the results hold.
    """

    def __init__(self, results: Sequence[Result], parameters: StatisticsParameters) -> None:
        """Take results that differ in what they are of; UserError if one is given twice."""
        _no_duplicates([result.record for result in results])
        self.results = list(results)
        self._sums = [
            (result.record, direction, sums)
            for result in self.results
            for direction, sums in result.sums.items()
        ]
        names = {cluster for _, _, sums in self._sums for cluster in sums.clusters}
        self._position = {name: index for index, name in enumerate(sorted(names))}
        self._resampler = Resampler(len(names), parameters.resamples, parameters.bootstrap_seed)

    def measure(self, cell: str) -> Measured:
        """Return every metric of `cell` by seed: all its results of this panel in one matrix product."""
        mine = [entry for entry in self._sums if entry[0].cell == cell]
        if not mine:
            return {}
        ends = np.cumsum([len(part.metrics) for _, _, part in mine])
        columns = [slice(int(e) - len(p.metrics), int(e)) for e, (_, _, p) in zip(ends, mine, strict=True)]
        shape = (len(self._position), int(ends[-1]))
        sums, counts = np.zeros(shape), np.zeros(shape)
        for own, (_, _, part) in zip(columns, mine, strict=True):
            rows = [self._position[cluster] for cluster in part.clusters]
            sums[rows, own], counts[rows, own] = part.sums, part.counts[:, None]
        samples = self._resampler.means(sums, counts)
        values = sums.sum(axis=0) / counts.sum(axis=0)
        training = f"{self._resampler.seed}/{cell}"

        measured: Measured = {}
        for own, (record, direction, part) in zip(columns, mine, strict=True):
            queries, sources = int(part.counts.sum()), (str(record.path),)
            for column, metric in zip(range(own.start, own.stop), part.metrics, strict=True):
                estimate = Estimate(
                    float(values[column]), samples[:, column], queries, sources, 1, training,
                    clusters=len(part.clusters),
                )  # fmt: skip
                key = Key(record.experiment, record.dataset, record.variant, direction, metric)
                measured.setdefault(key, {})[str(record.seed)] = estimate
        return measured


def _no_duplicates(records: Sequence[QueryRecord]) -> None:
    seen = set()
    for r in records:
        key = (r.experiment, r.cell, r.seed, r.dataset, r.split, r.variant)
        if key in seen:
            raise UserError(f"{r.path}: a second result for {' '.join(map(str, key))}; each is given once")
        seen.add(key)
