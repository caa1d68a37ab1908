"""Scores of candidates and the order that follows from them."""

from typing import Any

import numpy as np
import numpy.typing as npt

from crossmodal.models.embeddings import Vectors
from crossmodal.reranking.material import vectors_at
from crossmodal.search.gallery import Candidates

BLOCK = 256  # queries whose candidates' vectors are held at once: 50 MB for 100 candidates of width 512


def inner_products(vectors: Any, found: Candidates, candidates: int) -> Vectors:
    """Return the exact inner products of the first `candidates` places, float32 [q, c], -inf where nothing is.

    `vectors` are the gallery's, float32 [n, d] or a store of them; c is at most the number of places.
    """
    c = min(candidates, found.positions.shape[1])
    scores = np.empty((len(found.positions), c), dtype=np.float32)
    for start in range(0, len(scores), BLOCK):
        block = slice(start, start + BLOCK)
        positions = found.positions[block, :c]
        scores[block] = products(vectors_at(vectors, positions), found.queries[block], positions)
    return scores


def products(items: Vectors, queries: Vectors, positions: npt.NDArray[np.int64]) -> Vectors:
    """Return the inner products of `items` [q, c, >= d] with `queries` [q, d], -inf at positions of -1.

    What items have beyond the components of queries plays no part.
    """
    inner = np.vecdot(items[:, :, : queries.shape[1]], queries[:, None, :])
    exact: Vectors = np.where(positions >= 0, inner, -np.inf)
    return exact


def reorder(found: Candidates, scores: Vectors, candidates: int) -> npt.NDArray[np.int64]:
    """Return `found.positions` [q, k] with the first `candidates` places in the order of falling `scores`.

    `scores` [q, >= c] are of the first c places, -inf where nothing is. What lies beyond keeps its place, ties
    keep the order of the first stage, and places where the index found nothing (-1) go behind the others.
    """
    c = min(candidates, scores.shape[1])
    result = found.positions.copy()
    head = result[:, :c]
    order = np.argsort(np.where(head >= 0, -scores[:, :c], np.inf), axis=1, kind="stable")
    result[:, :c] = np.take_along_axis(head, order, axis=1)
    return result
