"""The draws of training seeds, one side of the crossed bootstrap, and what so few of them allow to be said.

Results of a cell are a table of images (rows) and training seeds (columns). Its grand mean varies with both, and
both are reweighted independently of one another (Owen 2007; Owen and Eckles 2012). A cell has two to five seeds:

- To draw n seeds out of n gives (n - 1) / n of the variance, and few distinct values. The weights here are normal
  instead of counts, scaled to the whole variance.
- Weighted are the seeds' own results, not those under the draws of images, so that what an image does with a seed
  is counted twice and not three times, as by the product of both draws.
- Seeds differ by their training, and by chance on so many images. What chance gives is known from the draws of
  images, and intervals are no narrower than it makes them. The variance of the rest is estimated from n seeds:
  by its share of the whole, intervals have Student's quantile (Satterthwaite 1946; Welch 1947).

With two seeds and a large share of that variance intervals are very wide: two seeds say little of a third.
"""

import hashlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

_STILL = 1e-6
"""A share of the variance below this is rounding."""


@lru_cache(maxsize=64)
def seed_weights(training: str, seeds: int, resamples: int) -> NDArray[np.float64]:
    """Return what each of n seeds is weighted with beside 1 / n in every resample, [resamples, n]; rows sum to 0.

    The weighted sum of n values has the variance s^2 / n (s^2 with n - 1), that of their mean. Draws depend on the
    name of the training alone: equal names are drawn alike, others independently, in whatever order.
    """
    digest = hashlib.sha256(f"{training}\n{seeds}".encode()).digest()
    normal = np.random.default_rng(int.from_bytes(digest[:8], "big")).standard_normal((resamples, seeds))
    centred = normal - normal.mean(axis=1, keepdims=True)
    weights: NDArray[np.float64] = centred / np.sqrt(seeds * (seeds - 1))
    weights.setflags(write=False)  # they are kept for the next who asks
    return weights


def freedom(samples: NDArray[np.float64], still: NDArray[np.float64] | None, seeds: int | None) -> float:
    """Return the degrees of freedom of the variance of `samples`, infinite where seeds make no difference.

    `still` are the same samples if seeds differed by the choice of images alone. With r the share of the variance
    that is beyond that, it is (n - 1) / r^2.
    """
    if still is None or seeds is None or seeds < 2:
        return float("inf")
    valid = np.isfinite(samples) & np.isfinite(still)
    whole = samples[valid].var() if valid.any() else 0.0
    share = 1 - still[valid].var() / whole if whole > 0 else 0.0
    return float("inf") if share < _STILL else float((seeds - 1) / share**2)


def widening(freedom: float, level: float = 0.95) -> float:
    """Return by how much deviations are to be stretched for an interval at `level`, at least 1.

    It is Student's quantile with these degrees of freedom over the normal one.
    """
    return quantile((1 + level) / 2, freedom) / quantile((1 + level) / 2) if np.isfinite(freedom) else 1.0


def quantile(share: float, freedom: float = float("inf")) -> float:
    """Return Student's quantile, the normal one for infinite `freedom`."""
    return float(stats.t.ppf(share, freedom) if np.isfinite(freedom) else stats.norm.ppf(share))
