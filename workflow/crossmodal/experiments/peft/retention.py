"""What a cell keeps of full fine-tuning's recall, and of its gain over the model before any adaptation."""

from crossmodal.statistics.bootstrap import p_value
from crossmodal.statistics.comparisons import RECALLS, at, with_mean
from crossmodal.statistics.estimates import Estimate, Place, Seeds, combine, difference, numbers_of, ratio
from crossmodal.statistics.numbers import Number
from crossmodal.statistics.panel import Key, Measured
from crossmodal.statistics.queries import DIRECTIONS


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
                gained[direction] = combine(_gain, cell[key], reference[key], baseline[key])
        for prefix, directions in (("retention", kept), ("normalised_gain", gained), ("difference", apart)):
            for direction, seeds in with_mean(directions).items():
                here = at(place, "peft", dataset, "clean", direction)
                numbers += numbers_of(here, f"{prefix}_{metric}", seeds, level)
                if prefix == "difference":
                    numbers += _p_values(here, metric, seeds)
    return numbers


def _gain(cell: Estimate, reference: Estimate, baseline: Estimate) -> Estimate:
    return ratio(difference(cell, baseline), difference(reference, baseline))


def _p_values(place: Place, metric: str, seeds: Seeds) -> list[Number]:
    return [
        place.plain(seed, f"p_value_{metric}", p_value(e.samples), "p", e.sources, e.queries)
        for seed, e in seeds.items()
    ]
