"""A/A rows: what a comparison gives where both sides are the same, trained with other seeds.

Where that is wider than what a claim is about, the comparison could not have told.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from crossmodal.statistics.estimates import (
    Estimate,
    Place,
    Seeds,
    combine,
    difference,
    mean,
    over_seeds,
    ratio,
    spread,
)
from crossmodal.statistics.numbers import ALL_SEEDS, Number
from crossmodal.statistics.seeds import freedom, quantile

POWER = 0.8
"""Probability of telling an effect of the smallest visible size from none."""
KINDS: dict[str, tuple[Callable[[Estimate, Estimate], Estimate], float]] = {
    "aa_retention": (ratio, 1.0),
    "aa_difference": (difference, 0.0),
}
"""How both sides are compared, and what it gives if they are equal."""


def aa_numbers(
    place_of: Callable[[str], Place],
    metric: str,
    reference: Mapping[str, Seeds],
    level: float,
    kinds: Sequence[str] = ("aa_retention", "aa_difference"),
) -> list[Number]:
    """Return `<kind>_<metric>` and `smallest_visible_<metric>` of a reference; nothing where it has one seed.

    `reference` has its estimates by direction and seed (of whatever is compared: recall, a degradation),
    `place_of` gives the place of a direction. Of two directions their mean has numbers as well. The smallest
    visible effect is that of the first of `kinds`.
    """
    numbers = []
    for position, kind in enumerate(kinds):
        found = {d: aa for d, seeds in reference.items() if (aa := beside_itself(KINDS[kind][0], seeds))}
        if len(found) > 1:
            found["mean"] = mean(list(found.values()))
        for direction, estimate in found.items():
            here = place_of(direction)
            numbers.append(here.number(ALL_SEEDS, f"{kind}_{metric}", estimate, level, "fraction"))
            if position == 0:
                told = ("fraction", estimate.sources, estimate.queries, None, None, estimate.seeds)
                effect = smallest_visible(estimate, level)
                numbers.append(here.plain(ALL_SEEDS, f"smallest_visible_{metric}", effect, *told))
    return numbers


def beside_itself(function: Callable[[Estimate, Estimate], Estimate], seeds: Seeds) -> Estimate | None:
    """Return `function` of one seed beside the mean of the others, the mean over all seeds; None for one seed.

    Its samples are of what `function` would give if the other side were as many seeds of the same training: both
    sides' seeds are drawn apart, on the same images.
    """
    own = {seed: estimate for seed, estimate in seeds.items() if seed != ALL_SEEDS}
    if len(own) < 2:
        return None
    splits = [
        function(estimate, mean([other for name, other in own.items() if name != seed]))
        for seed, estimate in own.items()
    ]
    drawn = function(over_seeds(own, "/one side"), over_seeds(own, "/other side"))
    return replace(drawn, value=mean(splits).value)


def another_run(place: Place, metric: str, own: Seeds, again: Seeds, level: float) -> list[Number]:
    """Return `aa_difference_<metric>` of a reference and another run of it, and `smallest_visible_<metric>`.

    `again` has the same seeds (draws of what is learnt from, orders of it) as the reference's `own`, and other
    random numbers in training: paired by seed, as what is compared with the reference is. It tells what training's
    random numbers do, not what another method would do otherwise on other seeds: effects that it shows as visible
    are a lower bound. None where there is one seed, or both runs are the same.
    """
    aa = combine(difference, again, own)[ALL_SEEDS]
    told = ("fraction", aa.sources, aa.queries, None, None, aa.seeds)
    effect = smallest_visible(aa, level) if (aa.seeds or 0) > 1 and aa.samples.std() > 0 else None
    return [
        place.number(ALL_SEEDS, f"aa_difference_{metric}", aa, level, "fraction"),
        place.plain(ALL_SEEDS, f"smallest_visible_{metric}", effect, *told),
    ]


def smallest_visible(aa: Estimate, level: float, power: float = POWER) -> float | None:
    """Return the smallest effect that a two-sided test at 1 - `level` finds with probability `power`.

    (q(1 - alpha / 2) + q(power)) standard deviations of the A/A comparison, q the quantile that its interval has
    (Bloom 1995). It is a lower bound for a cell that differs from the reference on other images than another
    seed of the reference does. None where the comparison is undefined.
    """
    samples = spread(aa)
    if not np.isfinite(aa.value) or not np.isfinite(samples).all():
        return None
    degrees = freedom(samples, aa.still, aa.drawn)
    return float((quantile((1 + level) / 2, degrees) + quantile(power, degrees)) * samples.std())


def too_wide(aa: Number, target: float) -> bool:
    """Return whether an A/A number's interval is wider than the margin of a claim with this target.

    The margin is from no effect (1 for a ratio, 0 for a difference) to the target; compared is half the width. A
    claim that there is an effect at all has no margin: its own interval says what it needs.
    """
    if aa.ci_low is None or aa.ci_high is None or margin(aa, target) == 0:
        return False
    return (aa.ci_high - aa.ci_low) / 2 > margin(aa, target)


def margin(aa: Number, target: float) -> float:
    """Return how far the target of a claim is from no effect."""
    nothing = next((none for kind, (_, none) in KINDS.items() if aa.metric.startswith(f"{kind}_")), 0.0)
    return abs(target - nothing)
