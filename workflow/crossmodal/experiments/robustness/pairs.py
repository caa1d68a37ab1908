"""What adversarial training saves under shift: a cell beside its own adversarially trained twin."""

from collections.abc import Mapping

from crossmodal.experiments.robustness.degradations import losses
from crossmodal.experiments.robustness.records import ShiftFacts
from crossmodal.statistics.bootstrap import p_value
from crossmodal.statistics.comparisons import at
from crossmodal.statistics.estimates import Place, difference, merge, numbers_of
from crossmodal.statistics.numbers import Number
from crossmodal.statistics.panel import Measured

LOST = "degradation_recall@1"
SAVED = "degradation_difference_recall@1"


def pair_numbers(
    place: Place,
    clean: str,
    standard: Measured,
    adversarial: Measured,
    level: float,
    shifts: Mapping[str, ShiftFacts],
) -> list[Number]:
    """Return what adversarial training saves of the loss under shift; `place` has the adversarially trained cell.

    `degradation_difference_recall@1` = the degradation of the cell without an adversary - that of its twin, above
    zero where adversarial training helps, and `p_value_degradation_difference_recall@1`, two-sided. Both were
    resampled with the same draws. For every shift and summary of the dataset `clean` on which both were measured.
    """
    ours, theirs = (losses(clean, measured, "recall@1", shifts) for measured in (adversarial, standard))
    numbers = []
    for shift in [shift for shift in theirs if shift in ours and shift[0] == clean]:
        for direction in [d for d in theirs[shift] if d in ours[shift]]:
            seeds = merge(lambda both: difference(*both), [theirs[shift][direction], ours[shift][direction]])
            here = at(place, "robustness", *shift, direction)
            numbers += numbers_of(here, SAVED, seeds, level)
            numbers += [
                here.plain(seed, f"p_value_{SAVED}", p_value(e.samples), "p", e.sources, e.queries)
                for seed, e in seeds.items()
            ]
    return numbers
