"""Rankings of whole galleries, as other tools read them: first items of each query, metrics at many depths.

Ties stand by the worst case, as everywhere here (statistics/metrics.py): all non-positives first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossmodal.statistics.metrics import Integers, worst_case_order
from crossmodal.statistics.queries import Vectors

DEPTHS = (1, 3, 5, 10, 20, 100, 1000)
"""Depths of the metrics, those of mteb."""
_BLOCK = 2**22


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """The first n items of the gallery for each of b queries, best first."""

    first: int
    """Number of the first query."""
    positions: NDArray[np.int64]
    """Gallery positions, [b, n]."""
    scores: NDArray[np.float32]
    """Inner products, [b, n], strictly falling: a tie is resolved by the next smaller number, since a reader
    that sorts by score has an order of its own for equal ones."""
    relevance: NDArray[np.bool_]
    """Whether the item is a positive, [b, n]."""
    positives: NDArray[np.int64]
    """Positives in the whole gallery, [b]."""


def rankings(queries: Vectors, gallery: Vectors, depth: int, block: int = _BLOCK) -> Iterator[Ranking]:
    """Yield the rankings of all `queries`, block by block, `depth` items deep or as deep as the gallery is."""
    labels, codes = np.unique([*queries.labels, *gallery.labels], return_inverse=True)
    query_codes, gallery_codes = codes[: len(queries.ids)], codes[len(queries.ids) :]
    counts = np.bincount(gallery_codes, minlength=len(labels))
    columns = gallery.vectors.astype(np.float64).T
    rows = max(1, block // max(1, len(gallery.ids)))
    for start in range(0, len(queries.ids), rows):
        part = slice(start, start + rows)
        similarities = (queries.vectors[part].astype(np.float64) @ columns).astype(np.float32)
        order, relevance = worst_case_order(similarities, query_codes[part, None] == gallery_codes)
        positions = order[:, :depth]
        scores = strictly_falling(np.take_along_axis(similarities, positions, axis=1))
        yield Ranking(start, positions, scores, relevance[:, :depth], counts[query_codes[part]])


def strictly_falling(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return `scores` [b, n], which do not rise, with each one below the one before it by a step at the least."""
    falling = scores.copy()
    for column in range(1, falling.shape[1]):
        below = np.nextafter(falling[:, column - 1], np.float32(-np.inf))
        falling[:, column] = np.minimum(falling[:, column], below)
    return falling


def metrics_at(
    relevance: NDArray[np.bool_], positives: Integers, depths: Sequence[int] = DEPTHS
) -> dict[str, NDArray[np.float64]]:
    """Return hit rate, recall, precision, nDCG, MAP and MRR at each depth, as trec_eval has them, [q] each.

    `relevance` is [q, n], best first; what lies beyond n counts as not found. `recall_at_k` is the share of
    all positives that are in the first k, `hit_rate_at_k` whether any is: what the study calls recall@k.
    """
    count, width = relevance.shape
    ranks = np.arange(1, width + 1)
    found = relevance.cumsum(axis=1)
    discount = 1 / np.log2(ranks + 1)
    gains = (relevance * discount).cumsum(axis=1)
    precision = (relevance * (found / ranks)).cumsum(axis=1)
    ideal = np.concatenate([[0.0], (1 / np.log2(np.arange(2, max(depths) + 2))).cumsum()])
    rank = np.where(relevance.any(axis=1), relevance.argmax(axis=1) + 1, np.inf)
    metrics: dict[str, NDArray[np.float64]] = {}
    for k in depths:
        last = min(k, width) - 1
        metrics[f"hit_rate_at_{k}"] = (found[:, last] > 0).astype(np.float64)
        metrics[f"recall_at_{k}"] = found[:, last] / positives
        metrics[f"precision_at_{k}"] = found[:, last] / k
        metrics[f"ndcg_at_{k}"] = gains[:, last] / ideal[np.minimum(positives, k)]
        metrics[f"map_at_{k}"] = precision[:, last] / positives
        metrics[f"mrr_at_{k}"] = np.where(rank <= k, 1 / rank, 0.0)
    assert all(len(values) == count for values in metrics.values())
    return metrics
