"""The answers of many runs on the same images, resampled together: cells are paired, image by image."""

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
        """Return the accuracy after each session on each session's classes, among all classes."""
        rows = _rows(run.table, *key)
        after, asked = rows["after"].to_numpy(), rows["session"].to_numpy()
        pairs = sorted(set(zip(after.tolist(), asked.tolist(), strict=True)))
        correct = rows["correct"].to_numpy(zero_copy_only=False).astype(np.float64)
        groups = ((pair, (after == pair[0]) & (asked == pair[1])) for pair in pairs)
        return self._estimates(run, key, rows, correct, groups)

    def accuracies_seen(self, run: Run, key: SetKey) -> Matrix:
        """Return the accuracy on all classes that were learnt so far, among these, by (sessions learnt, 0)."""
        rows = _rows(run.table, *key)
        rows = rows.filter(pc.is_valid(rows["correct_seen"]))
        after = rows["after"].to_numpy()
        correct = rows["correct_seen"].to_numpy(zero_copy_only=False).astype(np.float64)
        groups = (((session, 0), after == session) for session in sorted(set(after.tolist())))
        return self._estimates(run, key, rows, correct, groups)

    def _estimates(
        self, run: Run, key: SetKey, rows: pa.Table, correct: np.ndarray,
        groups: Iterable[tuple[tuple[int, int], np.ndarray]],
    ) -> Matrix:  # fmt: skip
        """Return the mean of `correct` over each of `groups` of rows, resampled by clusters of images."""
        positions = self._clusters[key[:2]]
        codes = np.array([positions[name] for name in rows["cluster"].to_pylist()], dtype=np.int64)
        names, sums, counts = list[tuple[int, int]](), list[np.ndarray](), list[np.ndarray]()
        for name, where in groups:
            names.append(name)
            sums.append(np.bincount(codes[where], correct[where], len(positions)))
            counts.append(np.bincount(codes[where], minlength=len(positions)).astype(np.float64))
        if not names:
            return {}
        right, asked = np.stack(sums, axis=1), np.stack(counts, axis=1)
        samples = self._resampler(len(positions)).means(right, asked)
        training = f"{self._statistics.bootstrap_seed}/orders"  # all cells learn in the same ones
        return {
            name: Estimate(
                float(right[:, column].sum() / asked[:, column].sum()),
                samples[:, column],
                int(asked[:, column].sum()),
                (str(run.path),),
                1,
                training,
                clusters=int((asked[:, column] > 0).sum()),
            )
            for column, name in enumerate(names)
        }

    def _resampler(self, clusters: int) -> Resampler:
        if clusters not in self._drawn:
            own = self._statistics
            self._drawn[clusters] = Resampler(clusters, own.resamples, own.bootstrap_seed)
        return self._drawn[clusters]


def _rows(table: pa.Table, dataset: str, split: str, variant: str | None = None) -> pa.Table:
    wanted = pc.and_(pc.equal(table["dataset"], dataset), pc.equal(table["split"], split))
    return table.filter(wanted if variant is None else pc.and_(wanted, pc.equal(table["variant"], variant)))
