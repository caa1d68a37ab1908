"""The schedule of a benchmark of search: systems take turns, block by block of queries, in random order."""

import random
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
from peers import Worker

BLOCK = 100
WARM_UP = 10
"""Queries of a block, and those asked before its clock starts, since another system was at work."""


@dataclass
class Run:
    """One system at one operating point, asked for k items."""

    system: str
    label: str
    point: Mapping[str, float]
    k: int
    queries: int
    """How many of the queries it is asked."""
    times: list[float] = field(default_factory=list)
    """ms of each query."""
    hits: list[float] = field(default_factory=list)
    """Share of the true k of each query."""

    @property
    def recall(self) -> float:
        return float(np.mean(self.hits))

    @property
    def per_second(self) -> float:
        return 1000 / float(np.mean(self.times))

    def percentile(self, percent: float) -> float:
        return float(np.percentile(self.times, percent))

    def measured(self) -> "Measured":
        """Return what is kept of the run."""
        return Measured(
            self.system, self.label, dict(self.point), self.k, self.queries,
            self.recall, self.percentile(50), self.percentile(99), self.per_second,
        )  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """What a run came to: what the tables and curves are made of, and docs/search-peers.json holds."""

    system: str
    label: str
    point: Mapping[str, float]
    k: int
    queries: int
    recall: float
    p50: float
    p99: float
    """ms of a query."""
    per_second: float


def take_turns(runs: Sequence[Run], workers: Mapping[str, Worker], exact: np.ndarray, seed: int = 0) -> None:
    """Ask every query of every run and put times and recall into the runs. `exact` is int64 [q, 100 or more]."""
    order, began = random.Random(seed), perf_counter()
    most = max((run.queries for run in runs), default=0)
    for first in range(0, most, BLOCK):
        turn = [run for run in runs if first < run.queries]
        order.shuffle(turn)
        for run in turn:
            count = min(BLOCK, run.queries - first)
            answer = workers[run.system].ask(
                "search", point=run.point, first=first, count=count, k=run.k, warm_up=min(WARM_UP, count)
            )
            run.times += answer["milliseconds"]
            run.hits += [
                len(set(found) & set(true)) / run.k
                for found, true in zip(
                    answer["found"], exact[first : first + count, : run.k].tolist(), strict=True
                )
            ]
        done = first + BLOCK
        spent = perf_counter() - began
        left = spent / done * max(most - done, 0)
        print(f"{min(done, most)} of {most} queries, about {left / 60:.1f} min left", file=sys.stderr)


def front(runs: Sequence[Measured]) -> list[Measured]:
    """Return the runs that none beats in both recall and speed, by falling recall: what ann-benchmarks draws."""
    best, kept = 0.0, list[Measured]()
    for run in sorted(runs, key=lambda run: (-run.recall, -run.per_second)):
        if run.per_second > best:
            best = run.per_second
            kept.append(run)
    return kept


def fastest(runs: Sequence[Measured], recall: float) -> Measured | None:
    """Return the fastest of the runs that have at least this recall."""
    reached = [run for run in runs if run.recall >= recall]
    return max(reached, key=lambda run: run.per_second, default=None)
