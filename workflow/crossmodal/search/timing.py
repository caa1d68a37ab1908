"""The latency protocol: systems take turns in one process, so that all of them meet the machine at its worst."""

import resource
from collections.abc import Callable, Iterable, Mapping
from time import perf_counter_ns
from typing import TypedDict

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from crossmodal.search.settings import LatencyProtocol as LatencyProtocol

TURN = 20
"""Calls that a system makes before the next one has its turn: enough to be warm, too few to have luck."""

System = Callable[[int, int], Mapping[str, float] | None]
"""Answers queries i ... i + n - 1 (two arguments: i, n); may return the milliseconds of its parts."""


class Timing(TypedDict):
    """What one system took at one batch size."""

    samples_ms: list[float]
    """Milliseconds of each call, which answers one batch, in the order of time."""
    parts_ms: dict[str, list[float]]
    """The same of each part that the system told, such as `search`, `refine` and `rerank`."""


def time_systems(
    systems: Mapping[str, System], queries: int, protocol: LatencyProtocol, seed: int
) -> dict[str, dict[int, Timing]]:
    """Return by system and batch size how long it took to answer, of `queries` queries numbered from 0.

    Each system answers the same `protocol.measured` queries, as calls of one batch each, after `protocol.warm_up`
    others. At each batch size all systems take turns of a few calls, in an order that is drawn anew for every
    round, and each goes through the queries in an order of turns of its own: what one has just left in the caches
    is not what the next one asks. Rounds of all systems are at the same time, so what resamples blocks of rounds
    does justice to a slow second. A system that stands here twice, under two names, is an A/A comparison. BLAS has
    one thread meanwhile, as a query has: two that wait for one another make a small product ten times slower.
    """
    with threadpool_limits(1, user_api="blas"):
        return _time_systems(systems, queries, protocol, np.random.default_rng(seed))


def _time_systems(
    systems: Mapping[str, System], queries: int, protocol: LatencyProtocol, generator: np.random.Generator
) -> dict[str, dict[int, Timing]]:
    found: dict[str, dict[int, Timing]] = {name: {} for name in systems}
    for batch in protocol.batches:
        calls = -(-protocol.measured // batch)
        for answer in systems.values():
            for first in range(0, protocol.warm_up, batch):
                _ask(answer, first, batch, queries)
        turns = [range(start, min(start + TURN, calls)) for start in range(0, calls, TURN)]
        # A turn that is shorter than the others is the last of each system: rounds stay side by side.
        whole, rest = [turn for turn in turns if len(turn) == TURN], [t for t in turns if len(t) < TURN]
        orders = {name: [*(whole[i] for i in generator.permutation(len(whole))), *rest] for name in systems}
        for name in systems:
            found[name][batch] = Timing(samples_ms=[], parts_ms={})
        names = list(systems)
        for number in range(len(turns)):
            for name in (names[i] for i in generator.permutation(len(names))):
                starts = (protocol.warm_up + call * batch for call in orders[name][number])
                _take_turn(systems[name], starts, batch, queries, found[name][batch])
    return found


def _take_turn(answer: System, starts: Iterable[int], batch: int, queries: int, timing: Timing) -> None:
    for first in starts:
        milliseconds, parts = _ask(answer, first, batch, queries)
        timing["samples_ms"].append(milliseconds)
        for part, value in (parts or {}).items():
            timing["parts_ms"].setdefault(part, []).append(value)


def _ask(answer: System, first: int, batch: int, queries: int) -> tuple[float, Mapping[str, float] | None]:
    """Let a system answer a batch that lies whole within the queries; return milliseconds and its parts."""
    batch = min(batch, queries)
    first = first % queries if batch == 1 else first % (queries - batch + 1)
    start = perf_counter_ns()
    parts = answer(first, batch)
    return (perf_counter_ns() - start) / 1e6, parts


def percentiles(samples: npt.ArrayLike, levels: Iterable[float] = (50, 95, 99)) -> list[float]:
    """Return nearest-rank percentiles of `samples`: each is a time that was measured."""
    ordered = np.sort(np.asarray(samples, dtype=np.float64))
    return [float(ordered[max(0, int(np.ceil(level / 100 * len(ordered))) - 1)]) for level in levels]


def peak_memory() -> int:
    """Return the most memory that this process has held so far, in bytes; pages of mapped files count."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
