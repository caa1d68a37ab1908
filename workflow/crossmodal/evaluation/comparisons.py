"""What is read off two measurements: what a cell retains of full fine-tuning, what a shift degrades."""

from collections.abc import Sequence

from crossmodal.evaluation.bootstrap import p_value
from crossmodal.evaluation.estimates import (
    Estimate,
    Place,
    Seeds,
    aggregate,
    combine,
    difference,
    highest,
    loss,
    mean,
    merge,
    numbers_of,
    ratio,
)
from crossmodal.evaluation.numbers import Number
from crossmodal.evaluation.panel import Key, Measured
from crossmodal.evaluation.queries import DIRECTIONS

RETAINED = ("recall@1", "recall@5", "recall@10")
DEGRADED = ("recall@1", "recall@5", "recall@10")
LOST = ("recall@1", "recall@5", "recall@10")

Shift = tuple[str, str]
"""Dataset and variant."""


def quality(place: Place, measured: Measured, level: float) -> list[Number]:
    """Return every measured metric of a cell as numbers; `place` gives cell and split."""
    numbers = []
    for key, seeds in measured.items():
        here = _at(place, key.experiment, key.dataset, key.variant, key.direction)
        numbers += numbers_of(here, key.metric, aggregate(seeds), level)
    return numbers


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
            for direction, seeds in _with_mean(directions).items():
                here = _at(place, "peft", dataset, "clean", direction)
                numbers += numbers_of(here, f"{prefix}_{metric}", seeds, level)
                if prefix == "difference":
                    numbers += _p_values(here, metric, seeds)
    return numbers


def degradation(place: Place, clean: str, measured: Measured, level: float) -> list[Number]:
    """Return `degradation_<m>` = (clean - shifted) / clean for every shifted set in `measured`.

    `clean` names the dataset whose clean set is the reference; every other set of experiment `peft` or
    `robustness` is a shift of it: a variant of the same dataset, or another dataset. Over the variants of
    the same dataset there are also the variants `shifts-mean` and `shifts-worst` (the highest degradation,
    found anew in every resample). Direction `mean` is the mean of what both directions gave.
    """
    found = {
        (key.dataset, key.variant, key.direction, key.metric): seeds
        for key, seeds in measured.items()
        if key.experiment in ("peft", "robustness")
    }
    shifts: list[Shift] = [
        shift for shift in dict.fromkeys((key[0], key[1]) for key in found) if shift != (clean, "clean")
    ]
    rendered = [shift for shift in shifts if shift[0] == clean]
    numbers = []
    for metric in DEGRADED:
        lost: dict[Shift, dict[str, Seeds]] = {}
        for dataset, variant in shifts:
            directions = {
                d: combine(_loss_of, found[dataset, variant, d, metric], found[clean, "clean", d, metric])
                for d in DIRECTIONS
                if (dataset, variant, d, metric) in found and (clean, "clean", d, metric) in found
            }
            lost[dataset, variant] = _with_mean(directions)
        for variant, function in (("shifts-mean", mean), ("shifts-worst", highest)):
            shared = [d for d in (*DIRECTIONS, "mean") if rendered and all(d in lost[s] for s in rendered)]
            lost[clean, variant] = {d: merge(function, [lost[s][d] for s in rendered]) for d in shared}
        for (dataset, variant), directions in lost.items():
            for direction, seeds in directions.items():
                here = _at(place, "robustness", dataset, variant, direction)
                numbers += numbers_of(here, f"degradation_{metric}", seeds, level)
    return numbers


def search_loss(place: Place, measured: Measured, exhaustive: str, level: float) -> list[Number]:
    """Return `loss_<m>` = 1 - m / (m of the index `exhaustive`), end to end, for every other index."""
    numbers = []
    for key, seeds in measured.items():
        reference = measured.get(key._replace(variant=exhaustive))
        if key.experiment != "search" or key.metric not in LOST or key.variant == exhaustive or not reference:
            continue
        here = _at(place, "search", key.dataset, key.variant, key.direction)
        numbers += numbers_of(here, f"loss_{key.metric}", combine(_loss_of, seeds, reference), level)
    return numbers


def _at(place: Place, experiment: str, dataset: str, variant: str, direction: str) -> Place:
    return Place(experiment, place.cell, dataset, place.split, variant, direction)


def _loss_of(other: Estimate, clean: Estimate) -> Estimate:
    return loss(clean, other)


def _gain(cell: Estimate, reference: Estimate, baseline: Estimate) -> Estimate:
    return ratio(difference(cell, baseline), difference(reference, baseline))


def _with_mean(directions: dict[str, Seeds]) -> dict[str, Seeds]:
    """Add the direction `mean` where both directions are there."""
    if not all(direction in directions for direction in DIRECTIONS):
        return directions
    both: Sequence[Seeds] = [directions[direction] for direction in DIRECTIONS]
    return directions | {"mean": merge(mean, both)}


def _p_values(place: Place, metric: str, seeds: Seeds) -> list[Number]:
    return [
        place.plain(seed, f"p_value_{metric}", p_value(e.samples), "p", e.sources, e.queries)
        for seed, e in seeds.items()
    ]
