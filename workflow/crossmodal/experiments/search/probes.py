"""The query-blind probe of an index's candidates, fitted: what it says of each image."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmodal.experiments.search.names import ALL, DISTRACTORS, OWN, PAIRS
from crossmodal.reranking.probe import blind_scores
from crossmodal.search.gallery import Candidates, Gallery

FOLDS = 5
RIDGE = 1.0  # beside vectors of unit length: as much as one candidate

Counts = NDArray[np.int64]
Scores = NDArray[np.float64]


def probe_candidates(
    gallery: Gallery, found: Candidates, asked: Collection[str], own: Sequence[int], seed: int
) -> dict[str, dict[str, Any]]:
    """Return the records (records.Probe) of each comparison that there is, by the keys of METRICS.

    `found` are the candidates of all queries. In `pairs` an image counts as often as it stands in a list, as the
    answer and as a distractor. In the others each image counts once: an answer is an image whose label is among
    `asked`, the labels of all queries; `own` are the origins of the gallery that are the target's. The probe of a
    comparison is fitted on that comparison's images alone. A comparison is left out where too few labels stand on
    one side, as in a gallery whose images are all asked for.
    """
    there = found.positions >= 0
    images = np.unique(found.positions[there])
    size = len(gallery.ids)
    answers = np.bincount(found.positions[there & found.relevant], minlength=size)[images]
    others = np.bincount(found.positions[there & ~found.relevant], minlength=size)[images]
    labels = np.asarray(gallery.labels, dtype=str)[images]
    records = {}
    pairs = pair_scores(gallery.vectors[images], answers, others, labels, seed)
    if pairs is not None:
        counts = {"answers": answers.tolist(), "others": others.tolist()}
        records[PAIRS] = {"scores": pairs.tolist(), **counts}
    positive = np.isin(labels, list(asked))
    is_own = np.isin(gallery.origins[images], list(own))
    for name, wrong in ((ALL, ~positive), (OWN, ~positive & is_own), (DISTRACTORS, ~positive & ~is_own)):
        kept = positive | wrong
        scores = blind_scores(gallery.vectors[images[kept]], positive[kept], labels[kept].tolist(), seed)
        if scores is not None:
            right = positive[kept].astype(int)
            records[name] = {
                "scores": scores.tolist(),
                "answers": right.tolist(),
                "others": (1 - right).tolist(),
            }
    return records


def pair_scores(
    vectors: NDArray[np.float32], answers: Counts, others: Counts, labels: NDArray[np.str_], seed: int
) -> Scores | None:
    """Return how much each image looks like a right candidate, float64 [n], by probes that did not see its label.

    Ridge regression of the share of its places in lists where it is the answer, weighted by how many those are.
    None where there are fewer labels than folds, or nothing is right or wrong.
    """
    known, place = np.unique(labels, return_inverse=True)
    if len(known) < FOLDS or not answers.sum() or not others.sum():
        return None
    fold = (np.random.default_rng(seed).permutation(len(known)) % FOLDS)[place]
    weights = (answers + others).astype(np.float64)
    scores = np.empty(len(vectors))
    for held_out in range(FOLDS):
        inside = fold == held_out
        x, w = vectors[~inside].astype(np.float64), weights[~inside]
        y = answers[~inside] / w
        centre, mean = np.average(x, axis=0, weights=w), np.average(y, weights=w)
        x -= centre
        slope = np.linalg.solve((x.T * w) @ x + RIDGE * np.eye(x.shape[1]), x.T @ (w * (y - mean)))
        scores[inside] = (vectors[inside] - centre) @ slope + mean
    return scores
