"""Exact re-scoring: the candidates of an approximate index in the order of their exact inner products."""

import numpy as np
import numpy.typing as npt

from crossmodal.models.embeddings import Vectors
from crossmodal.search.gallery import Candidates

BLOCK = 256  # queries whose candidates' vectors are held at once: 50 MB for 100 candidates of width 512


def rescore(vectors: Vectors, found: Candidates, candidates: int) -> npt.NDArray[np.int64]:
    """Return `found.positions` [q, k] with the first `candidates` places by falling exact inner product.

    `vectors` float32 [n, d] are the gallery's. What lies beyond keeps its place, ties keep the order of the first
    stage, and places where the index found nothing (-1) go behind the others. With every item of the gallery
    among the candidates this is exhaustive search.
    """
    k = min(candidates, found.positions.shape[1])
    result = found.positions.copy()
    for start in range(0, len(result), BLOCK):
        block = slice(start, start + BLOCK)
        positions = found.positions[block, :k]
        exact = (vectors[np.maximum(positions, 0)] @ found.queries[block, :, None])[:, :, 0]
        order = np.argsort(np.where(positions >= 0, -exact, np.inf), axis=1, kind="stable")
        result[block, :k] = np.take_along_axis(positions, order, axis=1)
    return result
