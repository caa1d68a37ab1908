"""How well scores put the candidates of a list in order, and the best of several ways to score them."""

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

import numpy as np

from crossmodal.models.embeddings import Vectors
from crossmodal.search.gallery import Candidates

Way = TypeVar("Way")


class Quality(NamedTuple):
    """What is chosen by: the larger mean reciprocal rank, then the larger recall@10."""

    mrr: float
    recall: float
    """Recall@10."""


def quality(found: Candidates, scores: Vectors) -> Quality:
    """Return the quality of the first c places in the order of `scores` [q, c], over all queries.

    A query without a right candidate among them counts as rank infinity. Ties keep the order of the first stage.
    """
    order = np.argsort(-scores, axis=1, kind="stable")
    right = np.take_along_axis(found.relevant[:, : scores.shape[1]], order, axis=1)
    first = np.where(right.any(axis=1), right.argmax(axis=1) + 1.0, np.inf)
    return Quality(float((1 / first).mean()), float((first <= 10).mean()))


def best_of(ways: Iterable[Way], score: Callable[[Way], Vectors], found: Candidates) -> Way:
    """Return the way whose scores of `found` have the best quality; of equals the first.

    So the way that changes least should come first.
    """
    return max(ways, key=lambda way: quality(found, score(way)))
