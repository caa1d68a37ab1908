"""How near an image comes to captions of any kind: what NNN takes off, told to a re-ranker as one more number.

It stands behind an image's vector as one more component, which queries do not have: inner products stay as they
are. Training and validation lists take the captions of their own queries for it, less those that an image
answers, as no training caption answers what is searched.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from crossmodal.errors import UserError
from crossmodal.models.embeddings import Vectors
from crossmodal.reranking.banks import largest_means
from crossmodal.reranking.material import Lists

SHARE = 0.02  # of the bank: the captions nearest to an image, whose mean similarity is its nearness


class Extended:
    """The items of a store, each with its nearness to `bank` [b, d] as one more component."""

    def __init__(self, store: Any, bank: Vectors) -> None:
        self.store, self.bank = store, bank

    def rows(self, positions: npt.NDArray[np.int64]) -> Vectors:
        """Return the extended vectors at `positions` int64 [..], float32 [.., d + 1]."""
        items: Vectors = self.store.rows(positions)
        return extend(items.reshape(-1, items.shape[-1]), self.bank).reshape(*positions.shape, -1)


def extended(vectors: Any, bank: Vectors, count: int) -> Any:
    """Return the gallery `vectors`, an array [n, d] or a store, with the nearness to `count` captions of the bank.

    An array is extended at once, a store when it is read. Raises UserError where the bank is empty.
    """
    if not len(bank):
        raise UserError("re-ranker: was trained with a bank of captions and has none; give training captions")
    chosen = sample(bank, count)
    return Extended(vectors, chosen) if hasattr(vectors, "rows") else extend(vectors, chosen)


def extend(vectors: Vectors, bank: Vectors) -> Vectors:
    """Return `vectors` [n, d] with the mean of the largest similarities to `bank` [b, d]: float32 [n, d + 1]."""
    return np.concatenate([vectors, largest_means(vectors, bank, [_nearest(len(bank))])], axis=1)


def extend_lists(lists: Lists, count: int) -> Lists:
    """Return lists whose gallery has the nearness of each image to `count` of the queries, less its own.

    A caption is an image's own where the image is a right candidate of some caption of the same owner. A `count`
    of 0 leaves the lists as they are.
    """
    if not count:
        return lists
    queries = lists.found.queries
    asked = sample(np.arange(len(queries)), count)
    _, owner = np.unique(lists.owners, return_inverse=True)
    rows, places = np.nonzero(lists.found.relevant)
    own: dict[int, set[int]] = {}
    for position, name in zip(
        lists.found.positions[rows, places].tolist(), owner[rows].tolist(), strict=True
    ):
        own.setdefault(position, set()).add(name)
    near = largest_means(lists.vectors, queries[asked], [_nearest(len(asked))])[:, 0]
    for position, names in own.items():
        others = queries[asked[~np.isin(owner[asked], list(names))]]
        if len(others):
            near[position] = largest_means(
                lists.vectors[position : position + 1], others, [_nearest(len(asked))]
            )[0, 0]
    return replace(lists, vectors=np.concatenate([lists.vectors, near[:, None]], axis=1))


def sample(rows: Any, count: int) -> Any:
    """Return `count` evenly spaced rows, or all of them: of captions in the order of images, of as many images."""
    return rows if len(rows) <= count else rows[np.linspace(0, len(rows) - 1, count).astype(np.int64)]


def _nearest(captions: int) -> int:
    return max(1, round(SHARE * captions))
