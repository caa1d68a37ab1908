"""How good an index is."""

import numpy as np
import numpy.typing as npt

from crossmodal.models.embeddings import Vectors

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
