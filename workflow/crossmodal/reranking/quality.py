"""How well scores put the candidates of a list in order, and the best of several ways to score them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from crossmodal.models.embeddings import Vectors
from crossmodal.reranking.material import Lists
from crossmodal.search.gallery import Candidates

Way = TypeVar("Way")


class Quality(NamedTuple):
    """What is chosen by: the larger mean reciprocal rank, then the larger recall@10."""

    mrr: float
    recall: float
    """Recall@10."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What training chose."""

    epoch: int
    """The epoch whose weights were kept; 0 is exact re-scoring."""
    validation: Quality
    exact: Quality
    """Of exact re-scoring on the same lists."""


def quality(found: Candidates, scores: Vectors) -> Quality:
    """Return the quality of the first c places in the order of `scores` [q, c], over all queries.

    A query without a right candidate among them counts as rank infinity. Ties keep the order of the first stage.
    """
    inverse = reciprocal_ranks(found, scores)
    return Quality(float(inverse.mean()), float((inverse >= 0.1).mean()))


def reciprocal_ranks(found: Candidates, scores: Vectors) -> npt.NDArray[np.float64]:
    """Return 1 / the rank of each query's first right candidate, float64 [q]; 0 where there is none."""
    order = np.argsort(-scores, axis=1, kind="stable")
    right = np.take_along_axis(found.relevant[:, : scores.shape[1]], order, axis=1)
    inverse: npt.NDArray[np.float64] = np.where(right.any(axis=1), 1.0 / (right.argmax(axis=1) + 1.0), 0.0)
    return inverse


def best_of(ways: Iterable[Way], score: Callable[[Way], Vectors], found: Candidates) -> Way:
    """Return the way whose scores of `found` have the best quality; of equals the first.

    So the way that changes least should come first.
    """
    return max(ways, key=lambda way: quality(found, score(way)))


def beats(lists: Lists, scores: Vectors, others: Vectors, errors: float) -> bool:
    """Return whether the MRR of `scores` lies above that of `others` by so many standard `errors`.

    They are those of the paired difference. The queries of one owner are one draw.
    """
    found = lists.found
    differences = reciprocal_ranks(found, scores) - reciprocal_ranks(found, others)
    _, owner = np.unique(lists.owners, return_inverse=True)
    counts = np.bincount(owner)
    residuals = np.bincount(owner, weights=differences - differences.mean())
    error = float(np.sqrt(np.square(residuals).sum()) / counts.sum())
    return bool(differences.mean() >= errors * error)
