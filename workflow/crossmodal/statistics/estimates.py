"""A statistic with its bootstrap samples, and the little algebra that keeps ratios and differences paired."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from crossmodal.statistics.bootstrap import percentile_interval
from crossmodal.statistics.exact import certain_interval
from crossmodal.statistics.numbers import ALL_SEEDS, Number

NOTHING = 1e-6  # resamples of graded metrics are kept to float32: below this one is zero, no denominator


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """A value, the same statistic in every resample, and what it rests on. NaN where it is undefined."""

    value: float
    samples: NDArray[np.float64]
    """Shape [resamples]. Estimates are paired if their samples come from the same draws."""
    queries: int
    """Number of queries; of the larger set where two are compared."""
    sources: tuple[str, ...]
    clusters: int = 0
    """Images that the queries belong to, where this is a mean of values in [0, 1] over queries; else 0."""


Seeds = dict[str, Estimate]
"""Training seed to estimate; after `aggregate` or `combine` also "*", the aggregate over seeds."""


def mean(estimates: Sequence[Estimate]) -> Estimate:
    """Return the mean of estimates, for example over seeds or over directions."""
    derived = _derive(lambda values: np.mean(values, axis=0), estimates)
    return replace(derived, clusters=min(part.clusters for part in estimates))


def highest(estimates: Sequence[Estimate]) -> Estimate:
    """Return the highest of estimates, taken anew in every resample."""
    return _derive(lambda values: np.max(values, axis=0), estimates)


def difference(first: Estimate, second: Estimate) -> Estimate:
    """Return first - second."""
    return _derive(lambda values: values[0] - values[1], (first, second))


def ratio(numerator: Estimate, denominator: Estimate) -> Estimate:
    """Return numerator / denominator, NaN wherever the denominator is not positive."""
    return _derive(lambda values: _divide(values[0], values[1]), (numerator, denominator))


def loss(clean: Estimate, other: Estimate) -> Estimate:
    """Return (clean - other) / clean, NaN wherever `clean` is not positive."""
    return _derive(lambda values: 1 - _divide(values[1], values[0]), (clean, other))


def aggregate(seeds: Seeds) -> Seeds:
    """Return `seeds` with "*", their mean."""
    return seeds | {ALL_SEEDS: mean(list(seeds.values()))}


def combine(function: Callable[..., Estimate], *operands: Seeds) -> Seeds:
    """Apply `function` seed by seed and, as "*", to the means over seeds.

    The seeds are those of the first operand. An operand that lacks a seed (zero-shot has only one) enters
    with its mean over seeds.
    """
    means = [mean(list(operand.values())) for operand in operands]
    result = {
        seed: function(*(operand.get(seed, centre) for operand, centre in zip(operands, means, strict=True)))
        for seed in operands[0]
    }
    return result | {ALL_SEEDS: function(*means)}


def merge(function: Callable[[Sequence[Estimate]], Estimate], operands: Sequence[Seeds]) -> Seeds:
    """Apply `function` to what several combined operands hold for a seed, for every seed they share."""
    shared = [seed for seed in operands[0] if all(seed in operand for operand in operands)]
    return {seed: function([operand[seed] for operand in operands]) for seed in shared}


@dataclass(frozen=True, slots=True)
class Place:
    """Coordinates that a number shares with its neighbours: its id without seed and metric."""

    experiment: str
    cell: str
    dataset: str
    split: str
    variant: str
    direction: str

    def number(self, seed: str, metric: str, estimate: Estimate, level: float, unit: str) -> Number:
        """Return `estimate` with its interval as a number at this place; undefined values are None."""
        interval = certain_interval(estimate.value, estimate.samples, estimate.clusters, level)
        if interval is None and np.isfinite(estimate.value):
            interval = percentile_interval(estimate.samples, level)
        low, high = interval or (None, None)
        return self.plain(seed, metric, estimate.value, unit, estimate.sources, estimate.queries, low, high)

    def plain(
        self, seed: str, metric: str, value: float | None, unit: str, sources: Iterable[str],
        queries: int | None = None, low: float | None = None, high: float | None = None,
    ) -> Number:  # fmt: skip
        """Return a number at this place."""
        if value is not None and not np.isfinite(value):
            value = None
        return Number(
            self.experiment, self.cell, seed, self.dataset, self.split, self.variant, self.direction, metric,
            value, low, high, queries, unit, ";".join(sources),
        )  # fmt: skip


def numbers_of(place: Place, metric: str, seeds: Seeds, level: float, unit: str = "fraction") -> list[Number]:
    """Return a number for every seed, the aggregate `s*` and, as `<metric>_std`, the deviation over seeds.

    The interval of the aggregate is that of the mean over seeds, over queries; the sample standard deviation
    (n - 1) says how much seeds differ and is None for a single seed.
    """
    numbers = [place.number(seed, metric, estimate, level, unit) for seed, estimate in seeds.items()]
    total = seeds[ALL_SEEDS]
    values = [estimate.value for seed, estimate in seeds.items() if seed != ALL_SEEDS]
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
    numbers.append(place.plain(ALL_SEEDS, f"{metric}_std", deviation, unit, total.sources, total.queries))
    return numbers


def _derive(
    function: Callable[[NDArray[np.float64]], NDArray[np.float64]], parts: Sequence[Estimate]
) -> Estimate:
    value = function(np.array([part.value for part in parts], dtype=np.float64))
    samples = function(np.stack([part.samples for part in parts]))
    sources = tuple(dict.fromkeys(source for part in parts for source in part.sources))
    return Estimate(float(value), samples, max(part.queries for part in parts), sources)


def _divide(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> NDArray[np.float64]:
    numerator, denominator = np.asarray(numerator), np.asarray(denominator)
    result = np.full(denominator.shape, np.nan)
    return np.divide(numerator, denominator, out=result, where=denominator > NOTHING)
