"""What is read off measurements: quality, what a cell retains of full fine-tuning, what search loses."""

from collections.abc import Sequence

from crossmodal.statistics.bootstrap import p_value
from crossmodal.statistics.estimates import (
    Estimate,
    Place,
    Seeds,
    aggregate,
    combine,
    difference,
    loss,
    mean,
    merge,
    numbers_of,
    ratio,
)
from crossmodal.statistics.numbers import Number
from crossmodal.statistics.panel import Key, Measured
from crossmodal.statistics.queries import DIRECTIONS

RETAINED = ("recall@1", "recall@5", "recall@10")
LOST = ("recall@1", "recall@5", "recall@10")


def quality(place: Place, measured: Measured, level: float) -> list[Number]:
    """Return every measured metric of a cell as numbers; `place` gives cell and split.

    On clean sets recall also has the direction `mean`, the mean of what both directions gave.
    """
    numbers = []
    for key, seeds in measured.items():
        here = at(place, key.experiment, key.dataset, key.variant, key.direction)
        numbers += numbers_of(here, key.metric, aggregate(seeds), level)
    for dataset, metric in dict.fromkeys((key.dataset, key.metric) for key in measured):
        both = mean_recall(measured, dataset, metric) if metric in RETAINED else {}
        if both:
            numbers += numbers_of(at(place, "peft", dataset, "clean", "mean"), metric, both, level)
    return numbers


def mean_recall(measured: Measured, dataset: str, metric: str) -> Seeds:
    """Return the mean over both directions of a metric on the clean set of `dataset`; empty if one is missing."""
    keys = [Key("peft", dataset, "clean", direction, metric) for direction in DIRECTIONS]
    if not all(key in measured for key in keys):
        return {}
    return merge(mean, [aggregate(measured[key]) for key in keys])


def retention(
    place: Place, cell: Measured, reference: Measured, baseline: Measured | None, level: float
) -> list[Number]:
    """Return, for every clean set of experiment `peft`, how `cell` stands beside the cell `reference`.

    `retention_<m>` = cell / reference; `normalised_gain_<m>` = (cell - baseline) / (reference - baseline),
    left out without a baseline; `difference_<m>` = cell - reference and its `p_value_<m>`. Direction `mean`
    is the mean of what both directions gave. Undefined values are null.
    """
    numbers = []
    for dataset, metric in dict.fromkeys((key.dataset, key.metric) for key in cell):
        if metric not in RETAINED:
            continue
        kept: dict[str, Seeds] = {}
        gained: dict[str, Seeds] = {}
        apart: dict[str, Seeds] = {}
        for direction in DIRECTIONS:
            key = Key("peft", dataset, "clean", direction, metric)
            if key not in cell or key not in reference:
                continue
            kept[direction] = combine(ratio, cell[key], reference[key])
            apart[direction] = combine(difference, cell[key], reference[key])
            if baseline and key in baseline:
                gained[direction] = combine(_gain, cell[key], reference[key], baseline[key])
        for prefix, directions in (("retention", kept), ("normalised_gain", gained), ("difference", apart)):
            for direction, seeds in with_mean(directions).items():
                here = at(place, "peft", dataset, "clean", direction)
                numbers += numbers_of(here, f"{prefix}_{metric}", seeds, level)
                if prefix == "difference":
                    numbers += _p_values(here, metric, seeds)
    return numbers


def search_loss(place: Place, measured: Measured, exhaustive: str, level: float) -> list[Number]:
    """Return `loss_<m>` = 1 - m / (m of the index `exhaustive`), end to end, for every other index."""
    numbers = []
    for key, seeds in measured.items():
        reference = measured.get(key._replace(variant=exhaustive))
        if key.experiment != "search" or key.metric not in LOST or key.variant == exhaustive or not reference:
            continue
        here = at(place, "search", key.dataset, key.variant, key.direction)
        numbers += numbers_of(here, f"loss_{key.metric}", combine(loss_of, seeds, reference), level)
    return numbers


def at(place: Place, experiment: str, dataset: str, variant: str, direction: str) -> Place:
    """Return `place`, its cell and split, with other coordinates."""
    return Place(experiment, place.cell, dataset, place.split, variant, direction)


def loss_of(other: Estimate, clean: Estimate) -> Estimate:
    """Return (clean - other) / clean."""
    return loss(clean, other)


def _gain(cell: Estimate, reference: Estimate, baseline: Estimate) -> Estimate:
    return ratio(difference(cell, baseline), difference(reference, baseline))


def with_mean(directions: dict[str, Seeds]) -> dict[str, Seeds]:
    """Return `directions` with the direction `mean` where both directions are there."""
    if not all(direction in directions for direction in DIRECTIONS):
        return directions
    both: Sequence[Seeds] = [directions[direction] for direction in DIRECTIONS]
    return directions | {"mean": merge(mean, both)}


def _p_values(place: Place, metric: str, seeds: Seeds) -> list[Number]:
    return [
        place.plain(seed, f"p_value_{metric}", p_value(e.samples), "p", e.sources, e.queries)
        for seed, e in seeds.items()
    ]
