"""What the query-blind probe comes to: can answers be told from distractors without the query?"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from crossmodal.errors import UserError
from crossmodal.experiments.search.names import ALL, DISTRACTORS, OWN, PAIRS
from crossmodal.experiments.search.records import Probe
from crossmodal.statistics.estimates import Estimate

METRICS = {
    PAIRS: "blind_auc_pairs",
    ALL: "blind_auc",
    OWN: "blind_auc_own",
    DISTRACTORS: "blind_auc_distractors",
}
"""The metric of each comparison: of candidates as they stand in lists, right ones against wrong ones; of images,
answers against all others, the target's, those of other datasets."""
BLOCK = 2**22  # weights that are held at once

Counts = NDArray[np.int64]
Scores = NDArray[np.float64]


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
