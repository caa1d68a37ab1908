"""The query-blind probe of an index's candidates: can answers be told from distractors without the query?"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmodal.errors import UserError
from crossmodal.experiments.search.records import Probe, SearchRecord
from crossmodal.reranking.probe import blind_scores
from crossmodal.search.gallery import Gallery
from crossmodal.statistics.estimates import Estimate

ALL, OWN, DISTRACTORS = "all", "own", "distractors"
METRICS = {ALL: "blind_auc", OWN: "blind_auc_own", DISTRACTORS: "blind_auc_distractors"}
"""The metric of each comparison: answers against all others, the target's, those of other datasets."""
BLOCK = 2**22  # weights that are held at once


def probe_candidates(
    gallery: Gallery, positions: NDArray[np.int64], asked: Collection[str], own: Sequence[int], seed: int
) -> dict[str, dict[str, Any]]:
    """Return the records (records.Probe) of each comparison that there is, by the keys of METRICS.

    `positions` [q, k] are the candidates of all queries; each image counts once. An answer is an image whose
    label is among `asked`, the labels of all queries; `own` are the origins of the gallery that are the
    target's. The probe of a comparison is fitted on that comparison's images alone. A comparison is left out
    where too few labels stand on one side.
    """
    images = np.unique(positions[positions >= 0])
    labels = np.asarray(gallery.labels, dtype=str)[images]
    positive = np.isin(labels, list(asked))
    is_own = np.isin(gallery.origins[images], list(own))
    found = {}
    for name, others in ((ALL, ~positive), (OWN, ~positive & is_own), (DISTRACTORS, ~positive & ~is_own)):
        kept = positive | others
        scores = blind_scores(gallery.vectors[images[kept]], positive[kept], labels[kept].tolist(), seed)
        if scores is not None:
            found[name] = {"scores": scores.tolist(), "positive": positive[kept].tolist()}
    return found


def blind_estimates(record: SearchRecord, resamples: int, seed: int) -> Iterator[tuple[str, Estimate]]:
    """Yield the metric and the AUC of each comparison of a record, with a bootstrap over images."""
    for name, metric in METRICS.items():
        if probe := record.probes.get(name):
            yield metric, _estimate(probe, resamples, seed, record.source)


def area(
    scores: NDArray[np.float64], positive: NDArray[np.bool_], weights: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the area under the ROC curve, [m], for m rows of image weights [m, n]; `scores` [n] are ascending.

    It is the chance that a positive image scores higher than another, ties counting half (Mann-Whitney); NaN for
    a row that holds nothing of one side.
    """
    others = np.zeros((len(weights), len(scores) + 1), dtype=np.int64)
    np.cumsum(weights * ~positive, axis=1, out=others[:, 1:])
    own = weights[:, positive]
    below, upto = (np.searchsorted(scores, scores[positive], side) for side in ("left", "right"))
    above = (own * (others[:, below] + others[:, upto])).sum(axis=1) / 2
    with np.errstate(invalid="ignore"):
        result: NDArray[np.float64] = above / (own.sum(axis=1) * others[:, -1])
    return result


def _estimate(probe: Probe, resamples: int, seed: int, source: str) -> Estimate:
    if len(probe.scores) != len(probe.positive):
        raise UserError(f"{source or 'search record'}: a probe must have one score for each image")
    order = np.argsort(probe.scores, kind="stable")
    scores, positive = np.asarray(probe.scores)[order], np.asarray(probe.positive, dtype=bool)[order]
    count = len(scores)
    generator = np.random.default_rng(seed)
    samples = np.empty(resamples)
    size = max(1, BLOCK // count)
    for start in range(0, resamples, size):
        block = samples[start : start + size]
        draws = generator.integers(0, count, size=(len(block), count))
        draws += np.arange(len(block))[:, None] * count
        block[:] = area(
            scores, positive, np.bincount(draws.ravel(), minlength=draws.size).reshape(draws.shape)
        )
    value = float(area(scores, positive, np.ones((1, count), dtype=np.int64))[0])
    return Estimate(value, samples, count, (source,))
