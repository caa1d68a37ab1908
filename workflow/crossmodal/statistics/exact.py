"""Exact interval of a share that no resample can vary: nothing, or everything, was answered.

A bootstrap of queries that are all answered has one value in every resample, so its interval has no width,
although a few queries more might have shown another. The interval of Clopper and Pearson (1934) has at least its
nominal level whatever the share is.
"""

import numpy as np
from scipy.stats import beta

from crossmodal.statistics.metrics import Floats


def exact_interval(successes: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return the two-sided interval of Clopper and Pearson for `successes` of `n` independent trials, fractions.

    Of queries that are not independent of one another, as the captions of an image, count the clusters, not the
    queries: where all agree that is the number that is known, and never too many. Raises ValueError for numbers
    that are none of trials.
    """
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"{successes} of {n} trials: expected at least one trial, and 0 to n successes")
    tail = (1 - level) / 2
    low = 0.0 if successes == 0 else float(beta.ppf(tail, successes, n - successes + 1))
    high = 1.0 if successes == n else float(beta.ppf(1 - tail, successes + 1, n - successes))
    return low, high


def certain_interval(
    value: float, samples: Floats, clusters: int, level: float
) -> tuple[float, float] | None:
    """Return the exact interval of a share of 0 or 1 that every resample repeats, None for any other.

    `samples` [resamples], NaN where undefined, are those of a mean of values in [0, 1] over queries of `clusters`
    images; 0 clusters stand for a statistic that is no such mean. For graded metrics (nDCG) it holds too: values
    above 0 are no more likely than the interval says, and none is above 1.
    """
    if clusters < 1 or value not in (0.0, 1.0) or not np.all(samples[np.isfinite(samples)] == value):
        return None
    return exact_interval(clusters if value else 0, clusters, level)
