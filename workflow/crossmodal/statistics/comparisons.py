"""Quality as it is measured, and what every comparison needs: the mean of both directions, a relative loss."""

from collections.abc import Sequence

from crossmodal.statistics.estimates import (
    Estimate,
    Place,
    Seeds,
    aggregate,
    loss,
    mean,
    merge,
    numbers_of,
)
from crossmodal.statistics.numbers import Number
from crossmodal.statistics.panel import Key, Measured
from crossmodal.statistics.queries import DIRECTIONS

RECALLS = ("recall@1", "recall@5", "recall@10")


def quality(place: Place, measured: Measured, level: float) -> list[Number]:
    """Return every measured metric of a cell as numbers; `place` gives cell and split.

    On clean sets recall also has the direction `mean`, the mean of what both directions gave.
    """
    numbers = []
    for key, seeds in measured.items():
        here = at(place, key.experiment, key.dataset, key.variant, key.direction)
        numbers += numbers_of(here, key.metric, aggregate(seeds), level)
    for dataset, metric in dict.fromkeys((key.dataset, key.metric) for key in measured):
        both = mean_recall(measured, dataset, metric) if metric in RECALLS else {}
        if both:
            numbers += numbers_of(at(place, "peft", dataset, "clean", "mean"), metric, both, level)
    return numbers


def mean_recall(measured: Measured, dataset: str, metric: str) -> Seeds:
    """Return the mean over both directions of a metric on the clean set of `dataset`; empty if one is missing."""
    keys = [Key("peft", dataset, "clean", direction, metric) for direction in DIRECTIONS]
    if not all(key in measured for key in keys):
        return {}
    return merge(mean, [aggregate(measured[key]) for key in keys])


def at(place: Place, experiment: str, dataset: str, variant: str, direction: str) -> Place:
    """Return `place`, its cell and split, with other coordinates."""
    return Place(experiment, place.cell, dataset, place.split, variant, direction)


def loss_of(other: Estimate, clean: Estimate) -> Estimate:
    """Return (clean - other) / clean."""
    return loss(clean, other)


def with_mean(directions: dict[str, Seeds]) -> dict[str, Seeds]:
    """Return `directions` with the direction `mean` where both directions are there."""
    if not all(direction in directions for direction in DIRECTIONS):
        return directions
    both: Sequence[Seeds] = [directions[direction] for direction in DIRECTIONS]
    return directions | {"mean": merge(mean, both)}
