"""How good and how fast an index is."""

from collections.abc import Callable
from time import perf_counter_ns

import numpy as np
import numpy.typing as npt

from crossmodal.models.embeddings import Vectors
from crossmodal.search.settings import LatencyProtocol

SCORES = 2**26  # exact scores held at once: 256 MB


def index_recall(
    vectors: Vectors, queries: Vectors, positions: npt.NDArray[np.int64], k: int
) -> npt.NDArray[np.float64]:
    """Return for each query which share of the exhaustive top k the index has in its own top k, float64 [q].

    `positions` [q, >= k] is what the index returned, -1 for nothing. The reference is the exact inner product
    of the same vectors; an item that scores as high as the k-th best counts as one of the best, so that
    identical vectors cost nothing.
    """
    k = min(k, len(vectors))
    shares = np.empty(len(queries))
    size = max(1, SCORES // len(vectors))
    for start in range(0, len(queries), size):
        block = slice(start, start + size)
        exact = queries[block] @ vectors.T
        threshold = np.partition(exact, -k, axis=1)[:, -k]
        found = positions[block, :k]
        scores = np.take_along_axis(exact, np.maximum(found, 0), axis=1)
        good = (found >= 0) & (scores >= threshold[:, None] - 1e-6)  # a block's rounding is no miss
        shares[block] = good.sum(axis=1) / k
    return shares


def latency_twice(
    answer: Callable[[int], object], queries: int, protocol: LatencyProtocol
) -> npt.NDArray[np.float64]:
    """Return two measurements of one thing, float64 [2, measured], in milliseconds: an A/A comparison.

    Column i of both is of one query, as in `latency`. They are interleaved, so that both see the machine at the
    same time; the second goes through the queries backwards, so that it does not find what the first has just
    left in the caches, and they take turns in being first.
    """
    for i in range(protocol.warm_up):
        answer(i % queries)
    samples = np.empty((2, protocol.measured))
    for i in range(protocol.measured):
        turns = ((0, i), (1, protocol.measured - 1 - i))
        for row, column in turns if i % 2 else turns[::-1]:
            start = perf_counter_ns()
            answer((protocol.warm_up + column) % queries)
            samples[row, column] = (perf_counter_ns() - start) / 1e6
    return samples


def latency(
    answer: Callable[[int], object], queries: int, protocol: LatencyProtocol
) -> npt.NDArray[np.float64]:
    """Return the milliseconds that `answer(i)` takes for the measured queries, one at a time, float64.

    Query numbers run from 0 and start again after `queries`; warm-up queries are answered first, untimed.
    """
    for i in range(protocol.warm_up):
        answer(i % queries)
    samples = np.empty(protocol.measured)
    for i in range(protocol.measured):
        start = perf_counter_ns()
        answer((protocol.warm_up + i) % queries)
        samples[i] = (perf_counter_ns() - start) / 1e6
    return samples
