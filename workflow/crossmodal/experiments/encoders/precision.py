"""The share of right items among the first k: what a table whose "rank@k" falls with k must mean.

Recall never falls with k: a query that is answered among the first five is answered among the first ten. Where a
query has fewer right items than k, precision falls.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from crossmodal.models.embeddings import Embeddings
from crossmodal.statistics.metrics import worst_case_order

CUTOFFS = (1, 5, 10)


def precisions(queries: Embeddings, gallery: Embeddings) -> NDArray[np.float64]:
    """Return the precision of each query at each of `CUTOFFS`, [q, 3]: right items among the first k, over k.

    Items with the query's label are right; of equal similarities the wrong ones stand first, as everywhere.
    """
    right = np.array(queries.labels)[:, None] == np.array(gallery.labels)
    similarities = (queries.vectors.astype(np.float64) @ gallery.vectors.astype(np.float64).T).astype(
        np.float32
    )
    _, relevance = worst_case_order(similarities, right)
    return np.stack([relevance[:, :k].sum(axis=1) / k for k in CUTOFFS], axis=1)


def by_image(values: NDArray[np.float64], owners: Sequence[str]) -> tuple[list[str], NDArray, NDArray]:
    """Return the images that queries belong to, the sum of `values` [q, m] over each one's, and their counts."""
    images, codes = np.unique(np.array(owners), return_inverse=True)
    sums = np.stack([np.bincount(codes, column, len(images)) for column in values.T], axis=1)
    return images.tolist(), sums, np.bincount(codes, minlength=len(images)).astype(np.float64)
