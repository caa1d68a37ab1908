"""Numbers of a study by their id: whatever the report states is looked up here, never typed."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pandas as pd

from crossmodal.data.tables import read_table
from crossmodal.errors import UserError
from crossmodal.report.formatting import Kind, kind_of

COLUMNS = [
    "number_id", "experiment", "cell", "seed", "dataset", "split", "variant", "direction", "metric", "value",
    "ci_low", "ci_high", "n_queries", "n_seeds", "unit", "source",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Number:
    """One row of metrics.parquet; absent bounds and counts are None, an undefined value is NaN."""

    number_id: str
    experiment: str
    cell: str
    seed: str
    dataset: str
    split: str
    variant: str
    direction: str
    metric: str
    value: float
    ci_low: float | None
    ci_high: float | None
    n_queries: int | None
    n_seeds: int | None
    unit: str
    source: str

    @property
    def kind(self) -> Kind:
        return kind_of(self.metric, self.unit)


class Numbers:
    """The numbers of a study, in file order, found by id or by their coordinates."""

    def __init__(self, frame: pd.DataFrame) -> None:
        """Take a table with the columns of metrics.parquet; UserError for a missing column or an id twice."""
        missing = [column for column in COLUMNS if column not in frame.columns]
        if missing:
            raise UserError(f"metrics: column {missing[0]!r} is missing; expected {', '.join(COLUMNS)}")
        self._by_id: dict[str, Number] = {}
        self._groups: dict[tuple[str | None, ...], list[Number]] = {}
        for row in frame[COLUMNS].itertuples(index=False):
            number = _number(row)
            if number.number_id in self._by_id:
                raise UserError(f"metrics: {number.number_id} stands twice; ids must be unique")
            self._by_id[number.number_id] = number
            for cell, variant in product((number.cell, None), (number.variant, None)):
                key = (number.experiment, number.metric, cell, variant)
                self._groups.setdefault(key, []).append(number)

    @classmethod
    def read(cls, *paths: Path) -> "Numbers":
        """Return the numbers in the files at `paths`, each laid out as metrics.parquet is."""
        return cls(pd.concat([read_table(path).to_pandas() for path in paths], ignore_index=True))

    def __iter__(self) -> Iterator[Number]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, number_id: str) -> Number | None:
        """Return the number with this id, or None."""
        return self._by_id.get(number_id)

    def find(self, experiment: str, metric: str, **where: str) -> Number | None:
        """Return the number at these coordinates, or None; columns that are not given may hold anything.

        Where several fit, an aggregate over seeds (`*`) goes before single seeds, then the first row wins.
        """
        found = self.select(experiment, metric, **where)
        return min(found, key=lambda number: number.seed != "*", default=None)

    def select(self, experiment: str, metric: str, **where: str) -> list[Number]:
        """Return all numbers of one metric of an experiment at these coordinates, in file order."""
        group = self._groups.get((experiment, metric, where.get("cell"), where.get("variant")), [])
        return [n for n in group if all(getattr(n, column) == value for column, value in where.items())]

    def deviation(self, number: Number) -> Number | None:
        """Return the standard deviation over seeds that belongs to an aggregate; None over a single seed."""
        head, _, metric = number.number_id.rpartition("/")
        found = self.get(f"{head}/{metric}_std") if number.seed == "*" else None
        return None if found is None or math.isnan(found.value) else found

    def distinct(self, column: str, **where: str) -> list[str]:
        """Return the values of one column, in the order of their first appearance."""
        rows = (n for n in self if all(getattr(n, key) == value for key, value in where.items()))
        return list(dict.fromkeys(str(getattr(n, column)) for n in rows))


def _number(row: object) -> Number:
    fields = {column: getattr(row, column) for column in COLUMNS}
    low, high, count, seeds = (fields[name] for name in ("ci_low", "ci_high", "n_queries", "n_seeds"))
    texts = {
        column: "" if pd.isna(fields[column]) else str(fields[column])
        for column in COLUMNS
        if column not in ("value", "ci_low", "ci_high", "n_queries", "n_seeds")
    }
    return Number(
        **texts,
        value=float("nan") if pd.isna(fields["value"]) else float(fields["value"]),
        ci_low=None if pd.isna(low) else float(low),
        ci_high=None if pd.isna(high) else float(high),
        n_queries=None if pd.isna(count) else int(count),
        n_seeds=None if pd.isna(seeds) else int(seeds),
    )
