"""The choice of a learning rate from validation results."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

Scores = Mapping[str, Mapping[int, float | None]]
"""By the name of each learning rate, the lowest first, and by seed: validation MRR, None where it diverged."""


class Choice(NamedTuple):
    """What was chosen."""

    rate: str
    """The rate with the highest mean over seeds; of equal ones the lowest."""
    at_edge: bool
    """Whether it is the lowest or the highest of the grid: a better one may lie beyond."""
    runner_up: str | None
    """The next best, None where no other rate has a result."""


def choose(scores: Scores) -> Choice | None:
    """Return the choice among the rates at which no seed diverged, None where there is no such rate."""
    rates = list(scores)
    means = {rate: mean for rate in rates if (mean := mean_over_seeds(scores[rate])) is not None}
    ranked = sorted(means, key=lambda rate: (-means[rate], rates.index(rate)))
    if not ranked:
        return None
    runner_up = ranked[1] if len(ranked) > 1 else None
    return Choice(ranked[0], ranked[0] in (rates[0], rates[-1]), runner_up)


def mean_over_seeds(values: Mapping[int, float | None]) -> float | None:
    """Return the mean over seeds, None unless every seed has a value."""
    known = [value for value in values.values() if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None


def lead(scores: Scores, choice: Choice) -> list[float]:
    """Return by how much the chosen rate is ahead of the next best, seed by seed; nothing without a next best."""
    if choice.runner_up is None:
        return []
    first, second = scores[choice.rate], scores[choice.runner_up]
    return [(first[seed] or 0.0) - (second[seed] or 0.0) for seed in first]
