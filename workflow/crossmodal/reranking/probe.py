"""A probe that never sees the query: can the right answers be told from the other candidates all the same?"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from crossmodal.models.embeddings import Vectors

FOLDS = 5
RIDGE = 1.0  # beside vectors of unit length: as much as one image

Scores = npt.NDArray[np.float64]


def blind_scores(
    vectors: Vectors, positive: npt.NDArray[np.bool_], labels: Sequence[str], seed: int
) -> Scores | None:
    """Return how much each image looks like an answer to some query, float64 [n] in (0, 1].

    Ridge regression of `positive` [n] on `vectors`, float32 [n, d]; an image is scored by the probe that was
    fitted without its fold. All images of a label are in one fold, and folds hold equal shares of positive and
    of other labels. Scores are ranks within a fold (ties share theirs), since probes of different folds have
    different offsets. None where either side has fewer labels than folds.
    """
    fold = _folds(positive, labels, seed)
    if fold is None:
        return None
    scores = np.empty(len(vectors))
    for held_out in range(FOLDS):
        inside = fold == held_out
        predicted = _ridge(vectors[~inside], positive[~inside], vectors[inside])
        _, place, count = np.unique(predicted, return_inverse=True, return_counts=True)
        scores[inside] = (np.cumsum(count) - (count - 1) / 2)[place] / len(predicted)
    return scores


def _ridge(vectors: Vectors, positive: npt.NDArray[np.bool_], others: Vectors) -> Scores:
    """Return the predictions for `others` of a ridge regression with an intercept, which is not shrunk."""
    x, y = vectors.astype(np.float64), positive.astype(np.float64)
    centre = x.mean(axis=0)
    x -= centre
    slope = np.linalg.solve(x.T @ x + RIDGE * np.eye(x.shape[1]), x.T @ (y - y.mean()))
    predicted: Scores = (others - centre) @ slope
    return predicted


def _folds(positive: npt.NDArray[np.bool_], labels: Sequence[str], seed: int) -> npt.NDArray[np.int64] | None:
    """Return the fold of each image, int64 [n]: labels are dealt out in random order."""
    generator = np.random.default_rng(seed)
    names = np.asarray(labels, dtype=str)
    fold = np.empty(len(names), dtype=np.int64)
    for side in (True, False):
        known, place = np.unique(names[positive == side], return_inverse=True)
        if len(known) < FOLDS:
            return None
        fold[positive == side] = (generator.permutation(len(known)) % FOLDS)[place]
    return fold
