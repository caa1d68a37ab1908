"""Exhaustive search in blocks of the items: the reference of every index, in bounded memory. Free of FAISS."""

from collections.abc import Sequence

import numpy as np

from crossmodal.models.embeddings import Vectors
from crossmodal.search.store import Positions, VectorStore

SCORES = 2**25  # inner products held at once: 128 MB
Top = tuple[Vectors, Positions]


def exhaustive(store: VectorStore, queries: Vectors, k: int, bias: Vectors | None = None) -> Top:
    """Return the k best items of each query: scores float32 [q, k], falling, and positions int64 [q, k].

    Queries are float32 [q, d]; `bias` [n] is added to the scores of the items (search/nnn.py). Of equal items the
    first comes first; k is cut to the number of items. Memory: 2^25 inner products, a block of the vectors, and
    two lists of q x k.
    """
    k = min(k, store.count)
    best = np.full((len(queries), k), -np.inf, np.float32), np.full((len(queries), k), -1, np.int64)
    size = max(1024, min(2**16, SCORES // max(len(queries), 1)))
    step = max(1, SCORES // size)
    for first, vectors in store.blocks(size):
        for start in range(0, len(queries), step):
            rows = slice(start, start + step)
            scores = queries[rows] @ vectors.T
            if bias is not None:
                scores += bias[first : first + len(vectors)]
            found = _first(scores, np.arange(first, first + len(vectors)), k)
            best[0][rows], best[1][rows] = _merged((best[0][rows], best[1][rows]), found, k)
    return best


def merge_top(parts: Sequence[Top], k: int | None = None) -> Top:
    """Return the k best of several results for the same queries; places of -1 come last.

    Without k they are as many as the widest part has. The positions are those of the whole: a part's offset is
    added before.
    """
    k = k or max(positions.shape[1] for _, positions in parts)
    best = parts[0]
    for part in parts[1:]:
        best = _merged(best, part, k)
    return best


def _merged(one: Top, other: Top, k: int) -> Top:
    scores = np.concatenate([one[0], other[0]], axis=1)
    positions = np.concatenate([one[1], other[1]], axis=1)
    return in_order(scores, positions, k)


def in_order(scores: Vectors, positions: Positions, k: int) -> Top:
    """Return the k best places of each row by falling score; equal ones by position, nothing (-1) last."""
    scores = np.where(positions < 0, np.float32(-np.inf), scores)
    places = np.where(positions < 0, np.iinfo(np.int64).max, positions)
    order = np.lexsort((places, -scores), axis=1)[:, :k]
    return np.take_along_axis(scores, order, axis=1), np.take_along_axis(positions, order, axis=1)


def _first(scores: Vectors, names: Positions, k: int) -> Top:
    """Return the k best columns of `scores` [q, n], of equal ones the first, in any order.

    A partition takes any of the columns that equal the k-th best, so rows with such ties are sorted in full.
    """
    n = scores.shape[1]
    if n <= k:
        return scores, np.broadcast_to(names, scores.shape)
    chosen = np.argpartition(scores, n - k, axis=1)[:, n - k :]
    least = np.take_along_axis(scores, chosen[:, :1], axis=1)
    tied = (scores >= least).sum(axis=1) > k
    if tied.any():
        chosen[tied] = np.argsort(-scores[tied], axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, chosen, axis=1), names[chosen]
