"""Query results of many models on the same images, resampled together."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from crossmodal.data.tables import read_table
from crossmodal.errors import UserError
from crossmodal.statistics.bootstrap import Resampler
from crossmodal.statistics.estimates import Estimate, Seeds
from crossmodal.statistics.metrics import METRICS
from crossmodal.statistics.queries import DIRECTIONS
from crossmodal.statistics.records import QueryRecord
from crossmodal.statistics.settings import StatisticsParameters

By = Literal["cluster", "label"]


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """The queries of one direction of a result, summed by cluster (or by label)."""

    keys: list[str]
    sums: NDArray[np.float64]
    """Sum of each metric over the queries of a key, [keys, metrics]."""
    counts: NDArray[np.float64]
    """Queries of each key, [keys]."""


class Result(NamedTuple):
    """A queries.parquet, read: its record and its sums by (direction, cluster or label)."""

    record: QueryRecord
    sums: dict[tuple[str, By], Sums]


class Key(NamedTuple):
    """What was measured of a cell, on one split."""

    experiment: str
    dataset: str
    variant: str
    direction: str
    metric: str


Measured = dict[Key, Seeds]


def read_result(record: QueryRecord) -> Result:
    """Read the query results that `record` names; UserError if the file is missing or not readable."""
    return Result(record, _read(record.path))


def _read(path: Path) -> dict[tuple[str, By], Sums]:
    table = read_table(path, ["direction", "cluster", "label", *METRICS])
    sums: dict[tuple[str, By], Sums] = {}
    by: By
    for direction in DIRECTIONS:
        rows = table.filter(pc.equal(table["direction"], direction))
        if not len(rows):
            continue
        values = np.stack([rows[name].to_numpy() for name in METRICS], axis=1)
        for by in ("cluster", "label"):
            sums[direction, by] = _sum(rows[by], values)
    return sums


def _sum(names: pa.ChunkedArray, values: NDArray[Any]) -> Sums:
    encoded = names.combine_chunks().dictionary_encode()
    codes, count = encoded.indices.to_numpy(), len(encoded.dictionary)
    columns = [np.bincount(codes, weights=column, minlength=count) for column in values.T]
    counts = np.bincount(codes, minlength=count).astype(np.float64)
    return Sums(encoded.dictionary.to_pylist(), np.stack(columns, axis=1), counts)


class Panel:
    """Results that are resampled with the same draws, of images (`by="cluster"`) or of labels.

    Draws are over the union of what the results hold. Results over the same images are paired; of two
    datasets the labels that both have are drawn together and the others apart, which is the paired bootstrap
    where every label is shared and the independent one where none is.
    """

    def __init__(self, results: Sequence[Result], by: By, parameters: StatisticsParameters) -> None:
        """Take results that differ in what they are of; UserError if one is given twice."""
        _no_duplicates([result.record for result in results])
        self.results, self.by = list(results), by
        self._sums = [
            (result.record, direction, sums)
            for result in self.results
            for (direction, kind), sums in result.sums.items()
            if kind == by
        ]
        names = {key for _, _, sums in self._sums for key in sums.keys}
        self._position = {name: index for index, name in enumerate(sorted(names))}
        self._resampler = Resampler(len(names), parameters.resamples, parameters.bootstrap_seed)

    def measure(self, cell: str) -> Measured:
        """Return every metric of `cell` by seed: all its results of this panel in one matrix product."""
        mine = [entry for entry in self._sums if entry[0].cell == cell]
        if not mine:
            return {}
        width = len(METRICS)
        shape = (len(self._position), width * len(mine))
        sums, counts = np.zeros(shape), np.zeros(shape)
        for index, (_, _, part) in enumerate(mine):
            rows = [self._position[key] for key in part.keys]
            columns = slice(width * index, width * (index + 1))
            sums[rows, columns], counts[rows, columns] = part.sums, part.counts[:, None]
        samples = self._resampler.means(sums, counts)
        values = sums.sum(axis=0) / counts.sum(axis=0)

        measured: Measured = {}
        for index, (record, direction, part) in enumerate(mine):
            for offset, metric in enumerate(METRICS):
                column = width * index + offset
                estimate = Estimate(
                    float(values[column]), samples[:, column], int(part.counts.sum()), (str(record.path),),
                    clusters=len(part.keys),
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
