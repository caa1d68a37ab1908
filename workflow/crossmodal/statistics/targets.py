"""What claims say of numbers, and how surely a claim is wrong: the p-values that Holm's correction takes."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crossmodal.statistics.claims import Claim


class Target(NamedTuple):
    """What a claim says of a number: it is above (or below) a value."""

    relation: Literal[">", "<"]
    value: float


def targets_of(claims: Iterable[Claim]) -> dict[str, Target]:
    """Return by number id what `claims` say of the numbers that they are judged by."""
    found = {}
    for claim in claims:
        for name in (claim.number, *(claim.instead[:1] if claim.instead else ())):
            found[name] = Target(claim.relation, claim.target)
    return found


def p_value_metric(metric: str) -> str:
    """Return the metric under which the p-value of a claim about `metric` stands."""
    return f"p_claim_{metric}"


def p_value_id(number_id: str) -> str:
    """Return the id of the p-value of a claim about a number."""
    place, _, metric = number_id.rpartition("/")
    return f"{place}/{p_value_metric(metric)}"


def p_value_of_claim(samples: NDArray[np.floating[Any]], target: Target) -> float:
    """Return the one-sided bootstrap p-value of "the claim is true": small where the number refutes it.

    The share of `samples` [resamples] that are beyond the target on the claimed side, one added to count and
    resamples; undefined samples count as beyond it.
    """
    beyond = samples > target.value if target.relation == ">" else samples < target.value
    count = np.count_nonzero(beyond | ~np.isfinite(samples))
    return float((count + 1) / (len(samples) + 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for how many they are (Holm 1979).

    To reject those of at most alpha keeps the chance of any false rejection at alpha, whatever their dependence.
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, (len(p_values) - rank) * p_values[index])
        adjusted[index] = min(1.0, largest)
    return adjusted
