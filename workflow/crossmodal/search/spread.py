"""Lists by what their best item may be worth to a query, rather than by their centroid alone.

A list is worth looking into where one of its items may have a high product with the query. That of an item is
that of its centroid and, beyond it, of what is left of the item: for a query that lies in no list's direction,
as a caption does among images, the largest of these grows with how far the list's items lie from their centroid.
So lists are put in the order of q.c + w s, where s is the root mean square distance of a list's items from its
centroid c and w a weight. That is the inner product of [q, 1] with [c, w s], which an index finds as it finds
q.c. Items have 0 there; what is left of an item after its centroid, -w s, is coded with it, so that products
with items stay.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from crossmodal.models.embeddings import Vectors

PER_LIST = 16
"""Vectors of each list, on average, by which its spread is estimated."""


def spreads(quantiser: Any, sample: Vectors, seed: int) -> npt.NDArray[np.float32]:
    """Return the root mean square distance of vectors from the centroid of their list, float32 [lists].

    `quantiser` holds the centroids; of `sample` float32 [n, d] at most `PER_LIST` for each list are drawn. A list
    that none of them is in gets the mean of the others.
    """
    lists = quantiser.ntotal
    if len(sample) > PER_LIST * lists:
        drawn = np.random.default_rng([seed, 2]).choice(len(sample), PER_LIST * lists, replace=False)
        sample = np.ascontiguousarray(sample[np.sort(drawn)])
    members = quantiser.search(sample, 1)[1][:, 0]
    centres = centroids_of(quantiser)
    squares = np.zeros(lists)
    for first in range(0, len(sample), 2**16):
        part = slice(first, first + 2**16)
        away = np.square(sample[part] - centres[members[part]]).sum(axis=1, dtype=np.float64)
        squares += np.bincount(members[part], away, minlength=lists)
    counts = np.bincount(members, minlength=lists)
    found = np.sqrt(squares / np.maximum(counts, 1))
    found[counts == 0] = found[counts > 0].mean()
    return found.astype(np.float32)


def centroids_of(quantiser: Any) -> Vectors:
    """Return the centroids that a quantiser holds, float32 [lists, d]."""
    found: Vectors = quantiser.reconstruct_n(0, quantiser.ntotal)
    return found
