"""Retrieval metrics of single queries, from similarities or from lists (Manning et al. 2008, ch. 8).

Binary relevance: a gallery item is a positive of a query if their labels are equal. Ties are resolved by the
worst case: among equal similarities all non-positives stand before all positives. So the j-th best positive
has rank j + (number of non-positives whose similarity is at least as high); which of several tied positives
comes first changes no metric. A constant model therefore scores recall@k = 0 and ndcg@k = 0 wherever a query
has at least k non-positives.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmodal.errors import UserError

RECALL_CUTOFFS = (1, 5, 10)
NDCG_CUTOFFS = (10, 100)
METRICS = (*(f"recall@{k}" for k in RECALL_CUTOFFS), *(f"ndcg@{k}" for k in NDCG_CUTOFFS), "map")
CONCEPT_METRICS = tuple(
    f"{name}@{k}" for name in ("concept_recall", "concept_mean_recall") for k in RECALL_CUTOFFS
)
"""Ranked are labels in place of items: by their best item, or by the mean over their items."""
TOP = 5
"""How many of the best-ranked gallery items are kept for people to look at."""

_BLOCK = 2**22
"""Similarities held at once; a block takes about 100 MB with its temporary arrays."""

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What is measured about each of q queries."""

    metrics: dict[str, NDArray[np.float64]]
    """Metric name to values in [0, 1], shape [q]; those by label only where the whole gallery was scored."""
    rank: NDArray[np.int64]
    """1-based rank of the best positive, shape [q]; 0 where a truncated list holds no positive."""
    top: NDArray[np.int64]
    """Gallery positions of the best-ranked items, shape [q, at most 5]; -1 where a list ends earlier."""


def score_queries(
    queries: Floats, gallery: Floats, query_labels: Integers, gallery_labels: Integers, block: int = _BLOCK
) -> Scores:
    """Return the scores of `queries` [q, d] against the whole `gallery` [g, d] by inner product.

    Labels are integer codes, [q] and [g]. Products are summed in float64 and rounded to float32, so that
    equal vectors tie whatever the block and the order of summation. UserError if a vector is not finite or a
    query has no positive in the gallery.
    """
    if not (np.isfinite(queries).all() and np.isfinite(gallery).all()):
        raise UserError("embeddings hold values that are not finite; the model that made them has diverged")
    columns = gallery.astype(np.float64).T
    rows = max(1, block // max(1, len(gallery)))
    parts, concepts = [], []
    for start in range(0, len(queries), rows):
        part = slice(start, start + rows)
        similarities = (queries[part].astype(np.float64) @ columns).astype(np.float32)
        parts.append(score_similarities(similarities, query_labels[part, None] == gallery_labels))
        concepts.append(score_concepts(similarities, query_labels[part], gallery_labels))
    return Scores(
        {name: np.concatenate([part.metrics[name] for part in parts]) for name in METRICS}
        | {name: np.concatenate([part[name] for part in concepts]) for name in CONCEPT_METRICS},
        np.concatenate([part.rank for part in parts]),
        np.concatenate([part.top for part in parts]),
    )


def score_similarities(similarities: NDArray[np.float32], positive: NDArray[np.bool_]) -> Scores:
    """Return the scores of one block: similarities [b, g] in float32 and which pairs are positives [b, g]."""
    order, relevance = worst_case_order(similarities, positive)
    metrics, rank = measure(relevance, positive.sum(axis=1))
    return Scores(metrics, rank, order[:, :TOP])


def score_concepts(
    similarities: NDArray[np.float32], query_labels: Integers, gallery_labels: Integers
) -> dict[str, NDArray[np.float64]]:
    """Return `CONCEPT_METRICS` [b] of one block: is the query's label among the first k labels?

    `similarities` are [b, g]; each query's label is in the gallery. A label's score is that of its best item, or
    the mean over its items, rounded to float32; labels that tie stand before the query's own.
    """
    order = np.argsort(gallery_labels, kind="stable")
    labels, starts, counts = np.unique(gallery_labels[order], return_index=True, return_counts=True)
    own = np.searchsorted(labels, query_labels)[:, None]
    grouped = similarities[:, order]
    means = np.add.reduceat(grouped.astype(np.float64), starts, axis=1) / counts
    scored = {
        "concept_recall": np.maximum.reduceat(grouped, starts, axis=1),
        "concept_mean_recall": means.astype(np.float32),
    }
    found: dict[str, NDArray[np.float64]] = {}
    for name, scores in scored.items():
        rank = (scores >= np.take_along_axis(scores, own, axis=1)).sum(axis=1)
        found |= {f"{name}@{k}": (rank <= k).astype(np.float64) for k in RECALL_CUTOFFS}
    return found


def score_lists(positions: Integers, query_labels: Integers, gallery_labels: Integers) -> Scores:
    """Return the scores of retrieved lists: gallery positions [q, n], best first, -1 where nothing was found.

    Positives that a list does not hold count as never retrieved: they add nothing to `map` and to the gains
    of ndcg, and still count in their denominators. The order of a list is taken as it is.
    """
    relevance = (gallery_labels[positions] == query_labels[:, None]) & (positions >= 0)
    labels, counts = np.unique(gallery_labels, return_counts=True)
    place = np.minimum(np.searchsorted(labels, query_labels), len(labels) - 1)
    positives = np.where(labels[place] == query_labels, counts[place], 0)
    metrics, rank = measure(relevance, positives)
    return Scores(metrics, rank, positions[:, :TOP].astype(np.int64))


def worst_case_order(
    similarities: NDArray[np.float32], positive: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the worst-case ranking of a block, best first: gallery positions and relevance, each [b, g].

    One sort of 64-bit keys does it: the similarity's bits in an order-preserving form (upper half), then
    whether the item is a positive, then its position in the gallery, which makes the order unique.
    """
    bits = (similarities + np.float32(0)).view(np.uint32)  # the sum turns -0.0 into 0.0
    ascending = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))
    keys = (~ascending).astype(np.uint64) << np.uint64(32)
    keys |= positive.astype(np.uint64) << np.uint64(31)
    keys |= np.arange(similarities.shape[1], dtype=np.uint64)
    keys.sort(axis=1)
    relevance = (keys >> np.uint64(31)) & np.uint64(1) == 1
    return (keys & np.uint64(2**31 - 1)).astype(np.int64), relevance


def measure(
    relevance: NDArray[np.bool_], positives: Integers
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.int64]]:
    """Return every metric [q] and the rank of the best positive [q] for rankings given as relevance [q, n].

    `positives` [q] counts the positives in the whole gallery: the ideal DCG is taken over min(positives, k)
    of them, and average precision is divided by all of them. UserError if a query has none.
    """
    count = len(relevance)
    if not np.all(positives > 0):
        raise UserError(
            f"query {int(np.argmin(positives))} has no positive in the gallery; labels must match"
        )
    row, column = np.nonzero(relevance)
    first = np.searchsorted(row, np.arange(count))
    found = np.bincount(row, minlength=count) > 0
    rank = np.zeros(count, dtype=np.int64)
    rank[found] = column[first[found]] + 1

    metrics = {f"recall@{k}": (found & (rank <= k)).astype(np.float64) for k in RECALL_CUTOFFS}
    ideal = np.concatenate([[0.0], np.cumsum(_discount(np.arange(max(NDCG_CUTOFFS))))])
    for k in NDCG_CUTOFFS:
        inside = column < k
        gains = np.bincount(row[inside], weights=_discount(column[inside]), minlength=count)
        metrics[f"ndcg@{k}"] = gains / ideal[np.minimum(positives, k)]
    precision = (np.arange(len(row)) - first[row] + 1) / (column + 1)
    metrics["map"] = np.bincount(row, weights=precision, minlength=count) / positives
    return {name: metrics[name] for name in METRICS}, rank


def is_share(metric: str) -> bool:
    """Return whether a metric is one of those of single queries, whose means are in [0, 1]."""
    return metric in METRICS or metric in CONCEPT_METRICS or metric.startswith("accuracy@")


def _discount(position: Integers) -> NDArray[np.float64]:
    return 1.0 / np.log2(position + 2.0)
