"""The answers of many runs on the same images, resampled together: cells are paired, image by image."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crossmodal.data.tables import read_table
from crossmodal.errors import UserError
from crossmodal.experiments.continual.answers import SCHEMA
from crossmodal.statistics.bootstrap import Resampler
from crossmodal.statistics.estimates import Estimate
from crossmodal.statistics.metrics import Floats
from crossmodal.statistics.settings import StatisticsParameters

SetKey = tuple[str, str, str]
"""Dataset, split and variant."""
Matrix = dict[tuple[int, int], Estimate]
"""Accuracies by (sessions learnt, session asked about); 0 for all sessions that were learnt."""


class Run(NamedTuple):
    """The answers of one cell by one plan in one order."""

    cell: str
    plan: str
    order: int
    path: Path
    table: pa.Table


def read_run(path: Path) -> Run:
    """Read answers.parquet; cell, plan and order are in its place: .../<cell>/<plan>/o<order>/<file>.

    UserError if it is unreadable.
    """
    cell, plan, order = path.parts[-4:-1]
    return Run(cell, plan, int(order[1:]), path, read_table(path, SCHEMA.names))


class Board:
    """Runs whose images are drawn alike: those of one dataset and split by the same draws of what belongs
    together."""

    def __init__(self, runs: Sequence[Run], statistics: StatisticsParameters) -> None:
        """Take runs that differ in what they are of; UserError if one is given twice."""
        self.runs, self._statistics = list(runs), statistics
        names = [(run.cell, run.plan, run.order) for run in runs]
        if twice := next((run for run, name in zip(runs, names, strict=True) if names.count(name) > 1), None):
            raise UserError(f"{twice.path}: a second result for {twice.cell}, {twice.plan}, o{twice.order}")
        self._clusters: dict[tuple[str, str], dict[str, int]] = {}
        for key in dict.fromkeys(key[:2] for run in runs for key in self.sets(run)):
            found = {name for run in runs for name in _rows(run.table, *key)["cluster"].unique().to_pylist()}
            self._clusters[key] = {name: position for position, name in enumerate(sorted(found))}
        self._drawn: dict[int, Resampler] = {}

    def sets(self, run: Run) -> list[SetKey]:
        """Return the sets that a run has answers about."""
        names = run.table.select(["dataset", "split", "variant"]).group_by(["dataset", "split", "variant"])
        return [tuple(row.values()) for row in names.aggregate([]).to_pylist()]

    def accuracies(self, run: Run, key: SetKey) -> Matrix:
        """Return the accuracy after each session on each session's classes, among all classes.

        Each class counts once, and in it each cluster of images: one that has many images decides no more.
        """
        rows = _rows(run.table, *key)
        after, asked = rows["after"].to_numpy(), rows["session"].to_numpy()
        pairs = sorted(set(zip(after.tolist(), asked.tolist(), strict=True)))
        correct = rows["correct"].to_numpy(zero_copy_only=False).astype(np.float64)
        groups = ((pair, (after == pair[0]) & (asked == pair[1])) for pair in pairs)
        return self._estimates(run, key, rows, correct, groups)

    def accuracies_seen(self, run: Run, key: SetKey, *, images: bool = False) -> Matrix:
        """Return the accuracy on all classes that were learnt so far, among these, by (sessions learnt, 0).

        Classes and their clusters count once, or with `images` every image.
        """
        rows = _rows(run.table, *key)
        rows = rows.filter(pc.is_valid(rows["correct_seen"]))
        after = rows["after"].to_numpy()
        correct = rows["correct_seen"].to_numpy(zero_copy_only=False).astype(np.float64)
        groups = (((session, 0), after == session) for session in sorted(set(after.tolist())))
        return self._estimates(run, key, rows, correct, groups, images=images)

    def _estimates(
        self, run: Run, key: SetKey, rows: pa.Table, correct: np.ndarray,
        groups: Iterable[tuple[tuple[int, int], np.ndarray]], *, images: bool = False,
    ) -> Matrix:  # fmt: skip
        """Return the mean of `correct` over each of `groups` of rows, resampled by clusters of images.

        In a group each class has a weight of one, which its clusters share alike; with `images` each row has.
        """
        positions, clusters = self._clusters[key[:2]], rows["cluster"].to_pylist()
        codes = np.array([positions[name] for name in clusters], dtype=np.int64)
        labels = rows["label"].to_pylist()
        names, sums, counts, asked = list[tuple[int, int]](), list[Floats](), list[Floats](), list[int]()
        for name, where in groups:
            own = np.flatnonzero(where)
            weights = np.ones(len(own)) if images else _alike([(labels[i], clusters[i]) for i in own])
            names.append(name)
            asked.append(len(own))
            sums.append(np.bincount(codes[own], weights * correct[own], len(positions)).astype(np.float64))
            counts.append(np.bincount(codes[own], weights, len(positions)).astype(np.float64))
        if not names:
            return {}
        right, weighed = np.stack(sums, axis=1), np.stack(counts, axis=1)
        samples = self._resampler(len(positions)).means(right, weighed)
        training = f"{self._statistics.bootstrap_seed}/orders"  # all cells learn in the same ones
        return {
            name: Estimate(
                float(right[:, column].sum() / weighed[:, column].sum()),
                samples[:, column],
                asked[column],
                (str(run.path),),
                1,
                training,
                clusters=int((weighed[:, column] > 0).sum()),
            )
            for column, name in enumerate(names)
        }

    def _resampler(self, clusters: int) -> Resampler:
        if clusters not in self._drawn:
            own = self._statistics
            self._drawn[clusters] = Resampler(clusters, own.resamples, own.bootstrap_seed)
        return self._drawn[clusters]


def _alike(rows: Sequence[tuple[str, str]]) -> Floats:
    """Return the weight of each image, of its class and cluster: a class has one, and its clusters share it."""
    images = Counter(rows)
    clusters = Counter(label for label, _ in images)
    return np.array([1 / (clusters[row[0]] * images[row]) for row in rows])


def _rows(table: pa.Table, dataset: str, split: str, variant: str | None = None) -> pa.Table:
    wanted = pc.and_(pc.equal(table["dataset"], dataset), pc.equal(table["split"], split))
    return table.filter(wanted if variant is None else pc.and_(wanted, pc.equal(table["variant"], variant)))
