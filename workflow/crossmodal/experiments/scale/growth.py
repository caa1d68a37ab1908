"""How a number grows with the size of the gallery: a power of it, or so much for every factor of ten.

Times, bytes and the share of right items are powers of it: they have no bounds but 0, and a line through them
would fall below that. The share that is found of what exhaustive search finds is bounded on either side, hardly
moves, and is lost by so much for every factor of ten.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from crossmodal.statistics.estimates import Estimate

POWER, DECADE = "growth", "per_decade"
"""Prefixes: the exponent b of a n^b, and the slope of a + b log10 n."""
FEWEST = 3
"""Sizes at the least: a line goes through any two points, whatever the law is."""


def growth(estimates: Mapping[int, Estimate], kind: str) -> Estimate | None:
    """Return the slope of `estimates`, by size, over the logarithm of size, fitted by least squares.

    Of POWER the logarithm of the estimates is taken, so that the slope is an exponent: 1 is in proportion to
    size. None for fewer than FEWEST sizes, and for a power of what is not positive. The samples of the sizes stay
    paired.
    """
    sizes = sorted(estimates)
    if len(sizes) < FEWEST:
        return None
    values = np.array([estimates[size].value for size in sizes])
    samples = np.stack([estimates[size].samples for size in sizes])
    if kind == POWER:
        if not (values > 0).all():
            return None
        with np.errstate(divide="ignore", invalid="ignore"):
            values, samples = np.log10(values), np.log10(samples)
    x = np.log10(sizes) - np.mean(np.log10(sizes))
    weights = x / (x @ x)
    sources = tuple(dict.fromkeys(source for size in sizes for source in estimates[size].sources))
    return replace(
        estimates[sizes[0]],
        value=float(weights @ values),
        samples=weights @ samples,
        sources=sources,
        clusters=0,
    )


def exponent(values: Mapping[int, float]) -> float | None:
    """Return the exponent b of a n^b through `values`, by size, that were counted or measured once.

    None for fewer than FEWEST sizes and for values that are not positive.
    """
    once = {size: Estimate(value, np.array([value]), 1, ()) for size, value in values.items()}
    fitted = growth(once, POWER)
    return fitted.value if fitted else None
