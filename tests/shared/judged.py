"""Claims and the numbers that they are judged by, for tests of several folders."""

from collections.abc import Iterable

from crossmodal.statistics.claims import Claim
from crossmodal.statistics.hypotheses import Hypothesis, judge
from crossmodal.statistics.numbers import Number


def number(
    number_id: str,
    value: float | None,
    low: float | None = None,
    high: float | None = None,
    unit: str = "fraction",
) -> Number:
    """Return a number with this id."""
    experiment, cell, seed, dataset, split, variant, direction, metric = number_id.split("/")
    return Number(
        experiment, cell, seed[1:], dataset, split, variant, direction, metric, value, low, high, 9, unit
    )


def judged(claims: Iterable[Claim], numbers: Iterable[Number] = ()) -> dict[str, Hypothesis]:
    """Return the verdict on each of `claims` by its id, in their order."""
    return {hypothesis.id: hypothesis for hypothesis in judge(claims, numbers)}
