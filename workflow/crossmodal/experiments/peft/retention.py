"""What a cell keeps of full fine-tuning's recall, and of its gain over the model before any adaptation."""

from collections.abc import Mapping
from dataclasses import replace

from crossmodal.statistics.aa import aa_numbers
from crossmodal.statistics.comparisons import RECALLS, at, with_mean
from crossmodal.statistics.estimates import (
    Estimate,
    Place,
    Seeds,
    combine,
    difference,
    fixed,
    numbers_of,
    p_value_numbers,
    ratio,
)
from crossmodal.statistics.numbers import Number
from crossmodal.statistics.panel import Key, Measured
from crossmodal.statistics.queries import DIRECTIONS
from crossmodal.statistics.targets import Target


def retention(
    place: Place,
    cell: Measured,
    reference: Measured,
    baseline: Measured | None,
    level: float,
    targets: Mapping[str, Target] | None = None,
) -> list[Number]:
    """Return, for every clean set of experiment `peft`, how `cell` stands beside the cell `reference`.

    `retention_<m>` = cell / reference; `normalised_gain_<m>` = (cell - baseline) / (reference - baseline),
    left out without a baseline; `difference_<m>` = cell - reference and its `p_value_<m>`. Direction `mean`
    is the mean of what both directions gave. Undefined values are null, a gain without a finite interval too.
    `targets` are what claims say of these numbers, by id.
    """
    numbers: list[Number] = []
    for dataset, metric in dict.fromkeys((key.dataset, key.metric) for key in cell):
        if metric not in RECALLS:
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
                gained[direction] = combine(_gain, cell[key], reference[key], fixed(baseline[key]))
        for prefix, directions in (("retention", kept), ("normalised_gain", gained), ("difference", apart)):
            for direction, seeds in with_mean(directions).items():
                here = at(place, "peft", dataset, "clean", direction)
                found = numbers_of(here, f"{prefix}_{metric}", seeds, level, targets=targets)
                numbers += map(_with_interval, found) if prefix == "normalised_gain" else found
                if prefix == "difference":
                    numbers += p_value_numbers(here, metric, seeds, level)
    return numbers


def reference_numbers(
    place: Place, reference: Measured, baseline: Measured | None, level: float
) -> list[Number]:
    """Return, for every clean set of experiment `peft`, what comparisons with the cell `reference` rest on.

    `gain_<m>` = reference - baseline, left out without a baseline. Of a reference with several seeds
    `aa_retention_<m>`, `aa_difference_<m>` and `smallest_visible_<m>`: the same comparisons with itself (see
    `statistics.aa`).
    """
    numbers: list[Number] = []
    for dataset, metric in dict.fromkeys((key.dataset, key.metric) for key in reference):
        if metric not in RECALLS:
            continue
        keys = {d: Key("peft", dataset, "clean", d, metric) for d in DIRECTIONS}
        own = {d: reference[key] for d, key in keys.items() if key in reference}

        def place_of(direction: str, dataset: str = dataset) -> Place:
            return at(place, "peft", dataset, "clean", direction)

        if baseline:
            gained = {
                d: combine(difference, seeds, fixed(baseline[keys[d]]))
                for d, seeds in own.items()
                if keys[d] in baseline
            }
            for direction, seeds in with_mean(gained).items():
                numbers += numbers_of(place_of(direction), f"gain_{metric}", seeds, level)
        numbers += aa_numbers(place_of, metric, own, level)
    return numbers


def _with_interval(number: Number) -> Number:
    """Return a number, undefined if it has no finite interval: such a quotient is no figure to be quoted."""
    undefined = number.ci_low is None and not number.metric.endswith("_std")
    return replace(number, value=None) if undefined else number


def _gain(cell: Estimate, reference: Estimate, baseline: Estimate) -> Estimate:
    return ratio(difference(cell, baseline), difference(reference, baseline))
