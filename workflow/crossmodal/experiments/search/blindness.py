"""The query-blind probe of an index's candidates: can answers be told from distractors without the query?"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmodal.errors import UserError
from crossmodal.experiments.search.records import Probe
from crossmodal.reranking.probe import blind_scores
from crossmodal.search.gallery import Candidates, Gallery
from crossmodal.statistics.estimates import Estimate

ALL, OWN, DISTRACTORS, PAIRS = "all", "own", "distractors", "pairs"
METRICS = {
    PAIRS: "blind_auc_pairs",
    ALL: "blind_auc",
    OWN: "blind_auc_own",
    DISTRACTORS: "blind_auc_distractors",
}
"""The metric of each comparison: of candidates as they stand in lists, right ones against wrong ones; of images,
answers against all others, the target's, those of other datasets."""
BLOCK = 2**22  # weights that are held at once
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


def blind_estimates(
    probes: Sequence[Probe], resamples: int, seed: int, source: str
) -> Iterator[tuple[str, Estimate]]:
    """Yield the metric and the AUC of each comparison of one index's candidates, with a bootstrap over images."""
    found = {probe.name: probe for probe in probes}
    for name, metric in METRICS.items():
        if name in found:
            yield metric, _estimate(found[name], resamples, seed, source)


def area(scores: Scores, answers: Counts, others: Counts) -> Scores:
    """Return the area under the ROC curve, [m], for m rows of counts [m, n]; `scores` [n] are ascending.

    It is the chance that an answer scores higher than another, ties counting half (Mann-Whitney), where image i
    stands `answers[.., i]` times among the answers and `others[.., i]` times among the others; NaN for a row that
    holds nothing of one side.
    """
    before = np.zeros((len(others), len(scores) + 1), dtype=np.int64)
    np.cumsum(others, axis=1, out=before[:, 1:])
    below, upto = (np.searchsorted(scores, scores, side) for side in ("left", "right"))
    above = (answers * (before[:, below] + before[:, upto])).sum(axis=1) / 2
    with np.errstate(invalid="ignore"):
        result: Scores = above / (answers.sum(axis=1) * before[:, -1])
    return result


def _estimate(probe: Probe, resamples: int, seed: int, source: str) -> Estimate:
    if not len(probe.scores) == len(probe.answers) == len(probe.others):
        raise UserError(f"{source or 'search record'}: a probe must have one score for each image")
    order = np.argsort(probe.scores, kind="stable")
    scores = np.asarray(probe.scores)[order]
    answers, others = (np.asarray(counts)[order] for counts in (probe.answers, probe.others))
    count = len(scores)
    generator = np.random.default_rng(seed)
    samples = np.empty(resamples)
    size = max(1, BLOCK // count)
    for start in range(0, resamples, size):
        block = samples[start : start + size]
        draws = generator.integers(0, count, size=(len(block), count))
        draws += np.arange(len(block))[:, None] * count
        weights = np.bincount(draws.ravel(), minlength=draws.size).reshape(draws.shape)
        block[:] = area(scores, weights * answers, weights * others)
    value = float(area(scores, answers[None], others[None])[0])
    return Estimate(value, samples, count, (source,))
