"""What adversarial training saves under shift: a cell beside its own adversarially trained twin."""

from collections.abc import Mapping

from crossmodal.experiments.robustness.claims import GAINED_RECALL, LOST, SAVED, SAVED_WITHOUT
from crossmodal.experiments.robustness.degradations import MEANS, losses, recalls
from crossmodal.experiments.robustness.records import ShiftFacts
from crossmodal.statistics.aa import aa_numbers
from crossmodal.statistics.comparisons import at
from crossmodal.statistics.estimates import Place, difference, merge, numbers_of, p_value_numbers
from crossmodal.statistics.numbers import Number
from crossmodal.statistics.panel import Measured
from crossmodal.statistics.queries import DIRECTIONS
from crossmodal.statistics.targets import Target

MEAN = "shifts-mean"


def pair_numbers(
    place: Place,
    clean: str,
    standard: Measured,
    adversarial: Measured,
    level: float,
    shifts: Mapping[str, ShiftFacts],
    targets: Mapping[str, Target] | None = None,
) -> list[Number]:
    """Return what adversarial training saves of the loss under shift; `place` has the adversarially trained cell.

    `degradation_difference_recall@1` = the degradation of the cell without an adversary - that of its twin, above
    zero where adversarial training helps, and `p_value_degradation_difference_recall@1`, two-sided. Both were
    resampled with the same draws. For every shift and summary of the dataset `clean` on which both were measured.
    Of the means over all kinds also `difference_recall@1`, the recall@1 under shift of the adversarially trained
    cell less the other's: a smaller loss of a cell that knows less need not leave more. `targets` are what claims
    say of these numbers, by id.
    """
    ours, theirs = (losses(clean, measured, "recall@1", shifts) for measured in (adversarial, standard))
    numbers = []
    for shift in [shift for shift in theirs if shift in ours]:
        for direction in [d for d in theirs[shift] if d in ours[shift]]:
            seeds = merge(lambda both: difference(*both), [theirs[shift][direction], ours[shift][direction]])
            here = at(place, "robustness", clean, shift, direction)
            numbers += numbers_of(here, SAVED, seeds, level, targets=targets)
            numbers += p_value_numbers(here, SAVED, seeds, level)
    ours, theirs = (recalls(clean, measured, "recall@1", shifts) for measured in (adversarial, standard))
    for shift in [shift for shift in MEANS if shift in ours and shift in theirs]:
        for direction in [d for d in ours[shift] if d in theirs[shift]]:
            seeds = merge(lambda both: difference(*both), [ours[shift][direction], theirs[shift][direction]])
            numbers += numbers_of(
                at(place, "robustness", clean, shift, direction), GAINED_RECALL, seeds, level
            )
    return numbers


def control_numbers(
    place: Place, clean: str, standard: Measured, without: Measured, level: float,
    shifts: Mapping[str, ShiftFacts],
) -> list[Number]:  # fmt: skip
    """Return what a cell that saw no attack saves of the loss under shift; `place` has a pair's standard cell.

    `control_difference_degradation_recall@1` of the summary `shifts-mean`, as `pair_numbers` counts it: a smaller
    loss need not be the adversary's doing.
    """
    ours, theirs = (losses(clean, one, "recall@1", shifts).get(MEAN, {}) for one in (without, standard))
    numbers = []
    for direction in [d for d in theirs if d in ours]:
        seeds = merge(lambda both: difference(*both), [theirs[direction], ours[direction]])
        here = at(place, "robustness", clean, MEAN, direction)
        numbers += numbers_of(here, SAVED_WITHOUT, seeds, level)
    return numbers


def beside_itself_numbers(
    place: Place, clean: str, standard: Measured, level: float, shifts: Mapping[str, ShiftFacts]
) -> list[Number]:
    """Return what a pair would differ by if its twin were the same training with other seeds (`statistics.aa`).

    `aa_difference_degradation_recall@1` and `smallest_visible_degradation_recall@1` of the summary `shifts-mean`;
    `place` has the cell without an adversary. Nothing where it has one seed.
    """
    lost = losses(clean, standard, "recall@1", shifts).get(MEAN, {})
    own = {d: seeds for d, seeds in lost.items() if d in DIRECTIONS}
    return aa_numbers(
        lambda direction: at(place, "robustness", clean, MEAN, direction),
        LOST,
        own,
        level,
        ("aa_difference",),
    )
