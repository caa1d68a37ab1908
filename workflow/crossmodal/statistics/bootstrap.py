"""Paired cluster bootstrap (Efron and Tibshirani 1993; Field and Welsh 2007) as matrix products.

The captions of one image are not independent, so images are drawn with replacement, each with all its
queries. For image queries, one an image, that is the plain bootstrap over queries. Everything that one
Resampler estimates is seen through the same draws, so that differences and ratios of its results are paired.
"""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from crossmodal.statistics.metrics import Floats

_BLOCK = 2**22
_TIE = 1e-12
"""Differences below this are zero: means of the same counts, added up in another order, differ by rounding."""


class Resampler:
    """Draws of `clusters` clusters out of as many, with replacement, `resamples` times, from one seed."""

    def __init__(self, clusters: int, resamples: int = 10_000, seed: int = 0) -> None:
        if clusters < 1 or resamples < 1:
            raise ValueError(
                f"at least one cluster and one resample are needed, not {clusters} and {resamples}"
            )
        self.clusters, self.resamples, self.seed = clusters, resamples, seed

    @cached_property
    def weights(self) -> NDArray[np.float32]:
        """How often each cluster was drawn, [resamples, clusters]; each row is multinomial."""
        generator = np.random.default_rng(self.seed)
        weights = np.empty((self.resamples, self.clusters), dtype=np.float32)
        rows = max(1, _BLOCK // self.clusters)
        for start in range(0, self.resamples, rows):
            block = weights[start : start + rows]
            draws = generator.integers(0, self.clusters, size=block.shape, dtype=np.int64)
            draws += np.arange(len(block))[:, None] * self.clusters
            block[:] = np.bincount(draws.ravel(), minlength=block.size).reshape(block.shape)
        return weights

    def indices(self) -> NDArray[np.int64]:
        """Return draws as positions, [resamples, clusters], for statistics that are not means (quantiles)."""
        generator = np.random.default_rng(self.seed)
        return generator.integers(0, self.clusters, size=(self.resamples, self.clusters), dtype=np.int64)

    def means(self, sums: Floats, counts: Floats) -> NDArray[np.float64]:
        """Return the mean over queries in every resample, [resamples, m], for m columns at once.

        `sums` [clusters, m] are sums of a metric over the queries of a cluster, `counts` [clusters] or
        [clusters, m] how many queries those are. NaN where a resample holds no query of a column. Columns of
        whole numbers (recall: so many queries answered) give exact quotients, others are kept to the precision
        of float32, and no mean leaves the range of the clusters' own. Columns are contiguous in memory.
        """
        counts = np.broadcast_to(counts[:, None] if counts.ndim == 1 else counts, sums.shape)
        distinct, which = np.unique(counts, axis=1, return_inverse=True)
        totals = (distinct.astype(np.float32).T @ self.weights.T)[which.reshape(-1)]
        estimates = sums.sum(axis=0) / counts.sum(axis=0)
        whole = _are_whole(sums)
        samples = np.empty(totals.shape)
        with np.errstate(divide="ignore", invalid="ignore"):
            answered = sums[:, whole].astype(np.float32).T @ self.weights.T
            samples[whole] = answered.astype(np.float64) / totals[whole]
            # float32 holds deviations from the estimate only: a constant column stays constant to 1e-15.
            deviations = (sums - estimates * counts)[:, ~whole].astype(np.float32).T @ self.weights.T
            samples[~whole] = deviations / totals[~whole] + estimates[~whole, None]
            own = sums / counts
        lowest, highest = np.fmin.reduce(own, axis=0), np.fmax.reduce(own, axis=0)
        result: NDArray[np.float64] = np.clip(samples, lowest[:, None], highest[:, None], out=samples).T
        return result


def _are_whole(sums: Floats) -> NDArray[np.bool_]:
    """Return which columns hold whole numbers whose sum in any resample is exact in float32, [m]."""
    largest = len(sums) * np.abs(sums).max(axis=0)
    whole: NDArray[np.bool_] = (sums == np.round(sums)).all(axis=0) & (largest < 2**24)
    return whole


def percentile_interval(samples: Floats, level: float = 0.95) -> tuple[float, float] | None:
    """Return the percentile interval of bootstrap `samples` [resamples].

    None where the statistic is undefined (NaN) in more resamples than one tail holds: a ratio whose
    denominator may be zero has no finite interval.
    """
    tail = (1 - level) / 2
    valid = samples[np.isfinite(samples)]
    if len(samples) - len(valid) > tail * len(samples):
        return None
    low, high = np.quantile(valid, [tail, 1 - tail])
    return float(low), float(high)


def p_value(differences: Floats) -> float:
    """Return the two-sided bootstrap p-value of "the difference is zero" from samples [resamples] of it.

    Twice the smaller tail beyond zero, with one added to count and resamples: never exactly 0, at most 1.
    """
    tail = min(np.count_nonzero(differences <= _TIE), np.count_nonzero(differences >= -_TIE))
    return float(min(1.0, 2 * (tail + 1) / (len(differences) + 1)))
