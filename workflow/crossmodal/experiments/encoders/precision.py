"""The share of right items among the first k: what a table whose "rank@k" falls with k must mean.

Recall never falls with k: a query that is answered among the first five is answered among the first ten. Where a
query has fewer right items than k, precision falls.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from crossmodal.statistics.queries import Vectors
from crossmodal.statistics.rankings import rankings

CUTOFFS = (1, 5, 10)


def precisions(queries: Vectors, gallery: Vectors) -> NDArray[np.float64]:
    """Return the precision of each query at each of `CUTOFFS`, [q, 3]: right items among the first k, over k.

    Items with the query's label are right; of equal similarities the wrong ones stand first, as everywhere.
    """
    found = (ranking.relevance for ranking in rankings(queries, gallery, max(CUTOFFS)))
    return np.concatenate(
        [np.stack([part[:, :k].sum(axis=1) / k for k in CUTOFFS], axis=1) for part in found]
    )


def by_image(values: NDArray[np.float64], owners: Sequence[str]) -> tuple[list[str], NDArray, NDArray]:
    """Return the images that queries belong to, the sum of `values` [q, m] over each one's, and their counts."""
    images, codes = np.unique(np.array(owners), return_inverse=True)
    sums = np.stack([np.bincount(codes, column, len(images)) for column in values.T], axis=1)
    return images.tolist(), sums, np.bincount(codes, minlength=len(images)).astype(np.float64)
