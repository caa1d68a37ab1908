"""A statistic with its bootstrap samples, and the little algebra that keeps ratios and differences paired."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from crossmodal.statistics.bootstrap import p_value, percentile_interval
from crossmodal.statistics.exact import certain_interval
from crossmodal.statistics.metrics import is_share
from crossmodal.statistics.numbers import ALL_SEEDS, Number
from crossmodal.statistics.seeds import freedom, seed_weights, widening
from crossmodal.statistics.targets import Target, p_value_metric, p_value_of_claim

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
    seeds: int | None = None
    """Training seeds that it rests on, of the cell with the fewest where several are compared; None where
    nothing that was trained has a part in it."""
    training: str = ""
    """Names what was trained: aggregates over the seeds of equal names share their draws of seeds."""
    still: NDArray[np.float64] | None = None
    """Of an aggregate over seeds the samples as they would be if seeds differed by chance alone, [resamples]; None
    where no seeds were drawn."""
    clusters: int = 0
    """Images that the queries belong to, where this is a mean of values in [0, 1] over queries; else 0."""
    drawn: int | None = None
    """Seeds of the part with the fewest among those whose seeds were drawn: what tells how much seeds differ. More
    than `seeds` where a cell of several stands beside one of one seed."""


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


def above(estimate: Estimate, constant: float) -> Estimate:
    """Return an estimate - a constant, which is known and does not vary."""
    return _derive(lambda values: values[0] - constant, (estimate,))


def ratio(numerator: Estimate, denominator: Estimate) -> Estimate:
    """Return numerator / denominator, NaN wherever the denominator is not positive."""
    return _derive(lambda values: _divide(values[0], values[1]), (numerator, denominator))


def loss(clean: Estimate, other: Estimate) -> Estimate:
    """Return (clean - other) / clean, NaN wherever `clean` is not positive."""
    return _derive(lambda values: 1 - _divide(values[1], values[0]), (clean, other))


def aggregate(seeds: Seeds) -> Seeds:
    """Return `seeds` with "*", their mean, whose samples are drawn over images and over seeds.

    The crossed bootstrap (Owen 2007; Owen and Eckles 2012): images are drawn for all cells at once, the seeds of a
    cell apart from those of any other (see `seeds.seed_weights`). One seed adds nothing to the draws of images.
    """
    own = {seed: estimate for seed, estimate in seeds.items() if seed != ALL_SEEDS}
    return own | {ALL_SEEDS: over_seeds(own)}


def over_seeds(seeds: Mapping[str, Estimate], name: str = "") -> Estimate:
    """Return the mean over training seeds (see `aggregate`).

    `name` is put behind that of the training: another name gives draws that are independent of the first.
    """
    estimates = [seeds[seed] for seed in sorted(seeds, key=lambda seed: (len(seed), seed))]
    centre = mean(estimates)
    if len(estimates) == 1:
        return centre
    count, values = len(estimates), np.array([estimate.value for estimate in estimates])
    weights = seed_weights(f"{centre.training}{name}", count, len(centre.samples))
    noise = np.stack([estimate.samples - estimate.value for estimate in estimates], axis=1)
    moved = centre.samples + weights @ (values - values.mean())
    still = centre.samples + (weights * noise).sum(axis=1)
    return replace(centre, samples=moved, still=still, seeds=count if centre.seeds else None, drawn=count)


def combine(function: Callable[..., Estimate], *operands: Seeds) -> Seeds:
    """Apply `function` seed by seed and, as "*", to the means over seeds.

    The seeds are those of the first operand. An operand that lacks a seed (zero-shot has only one) enters
    with its mean over seeds.
    """
    whole = [aggregate(operand) for operand in operands]
    return {
        seed: function(*(operand.get(seed, operand[ALL_SEEDS]) for operand in whole)) for seed in whole[0]
    }


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
        samples = widened(estimate, level)
        interval = certain_interval(estimate.value, samples, estimate.clusters, level)
        if interval is None and np.isfinite(estimate.value):
            interval = percentile_interval(samples, level)
        low, high = interval or (None, None)
        if interval and is_share(metric):
            low, high = max(0.0, interval[0]), min(1.0, interval[1])
        return self.plain(
            seed, metric, estimate.value, unit, estimate.sources, estimate.queries, low, high, estimate.seeds
        )

    def plain(
        self, seed: str, metric: str, value: float | None, unit: str, sources: Iterable[str],
        queries: int | None = None, low: float | None = None, high: float | None = None,
        seeds: int | None = None,
    ) -> Number:  # fmt: skip
        """Return a number at this place."""
        if value is not None and not np.isfinite(value):
            value = None
        return Number(
            self.experiment, self.cell, seed, self.dataset, self.split, self.variant, self.direction, metric,
            value, low, high, queries, unit, ";".join(sources), seeds,
        )  # fmt: skip


def widened(estimate: Estimate, level: float) -> NDArray[np.float64]:
    """Return samples whose interval at `level` and p-values allow for how few seeds there are, [resamples].

    A handful of seeds tells their own variance badly; where they make up much of the variance, Student's
    quantile stands in place of the normal one (see `seeds.freedom`). Samples without draws of seeds are returned
    as they are.
    """
    samples = spread(estimate)
    factor = widening(freedom(samples, estimate.still, estimate.drawn), level)
    if factor == 1:
        return samples
    centre = np.nanmedian(samples)
    result: NDArray[np.float64] = centre + factor * (samples - centre)
    return result


def spread(estimate: Estimate) -> NDArray[np.float64]:
    """Return the samples, or those without a difference between seeds where they vary more, [resamples].

    Seeds that agree better than chance on so many images allows do so by chance.
    """
    if estimate.still is None:
        return estimate.samples
    valid = np.isfinite(estimate.samples) & np.isfinite(estimate.still)
    by_chance = valid.any() and estimate.still[valid].var() > estimate.samples[valid].var()
    return estimate.still if by_chance else estimate.samples


def numbers_of(
    place: Place, metric: str, seeds: Seeds, level: float, unit: str = "fraction",
    targets: Mapping[str, Target] | None = None,
) -> list[Number]:  # fmt: skip
    """Return a number for every seed, the aggregate `s*` and, as `<metric>_std`, the deviation over seeds.

    The interval of the aggregate is over images and seeds; the sample standard deviation (n - 1) says how much
    seeds differ and is None for a single seed. `targets` are what claims say of numbers, by number id: such a
    number has `p_claim_<metric>` beside it, the p-value of the claim (see `targets`).
    """
    numbers = [place.number(seed, metric, estimate, level, unit) for seed, estimate in seeds.items()]
    for seed, estimate in seeds.items():
        numbers += claim_numbers(place, seed, metric, estimate, level, targets or {})
    total = seeds[ALL_SEEDS]
    values = [estimate.value for seed, estimate in seeds.items() if seed != ALL_SEEDS]
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
    rests = {"queries": total.queries, "seeds": total.seeds}
    numbers.append(place.plain(ALL_SEEDS, f"{metric}_std", deviation, unit, total.sources, **rests))
    return numbers


def p_value_numbers(place: Place, metric: str, seeds: Seeds, level: float) -> list[Number]:
    """Return `p_value_<metric>`, two-sided, of every seed and of the aggregate."""
    return [
        place.plain(
            seed, f"p_value_{metric}", p_value(widened(e, level)), "p", e.sources, e.queries, seeds=e.seeds
        )
        for seed, e in seeds.items()
    ]


def claim_numbers(
    place: Place, seed: str, metric: str, estimate: Estimate, level: float, targets: Mapping[str, Target]
) -> list[Number]:
    """Return `p_claim_<metric>` of an estimate at this place if `targets` has a claim about its number."""
    target = targets.get(place.plain(seed, metric, None, "", ()).number_id)
    if target is None or not np.isfinite(estimate.value):
        return []
    p = p_value_of_claim(widened(estimate, level), target)
    rests = {"queries": estimate.queries, "seeds": estimate.seeds}
    return [place.plain(seed, p_value_metric(metric), p, "p", estimate.sources, **rests)]


def fixed(seeds: Seeds) -> Seeds:
    """Return estimates of what was not trained in the study: their seeds are not counted as training seeds."""
    return {seed: replace(estimate, seeds=None) for seed, estimate in seeds.items()}


def _derive(
    function: Callable[[NDArray[np.float64]], NDArray[np.float64]], parts: Sequence[Estimate]
) -> Estimate:
    value = function(np.array([part.value for part in parts], dtype=np.float64))
    samples = function(np.stack([part.samples for part in parts]))
    still = None
    if any(part.still is not None for part in parts):
        still = function(np.stack([part.samples if part.still is None else part.still for part in parts]))
    seeds = [part.seeds for part in parts if part.seeds is not None]
    drawn = [part.drawn for part in parts if part.drawn is not None]
    trainings = {part.training for part in parts}
    return Estimate(
        float(value),
        samples,
        max(part.queries for part in parts),
        tuple(dict.fromkeys(source for part in parts for source in part.sources)),
        min(seeds, default=None),
        trainings.pop() if len(trainings) == 1 else "",
        still,
        drawn=min(drawn, default=None),
    )


def _divide(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> NDArray[np.float64]:
    numerator, denominator = np.asarray(numerator), np.asarray(denominator)
    result = np.full(denominator.shape, np.nan)
    return np.divide(numerator, denominator, out=result, where=denominator > NOTHING)
