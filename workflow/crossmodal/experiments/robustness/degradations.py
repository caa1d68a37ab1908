"""What a shift or an attack degrades: (clean - shifted) / clean, each query beside itself."""

from collections.abc import Callable, Mapping, Sequence

from crossmodal.experiments.robustness.records import ShiftFacts
from crossmodal.experiments.robustness.threat_names import split_variant
from crossmodal.statistics.comparisons import RECALLS, at, loss_of, with_mean
from crossmodal.statistics.estimates import (
    Estimate,
    Place,
    Seeds,
    aggregate,
    combine,
    highest,
    mean,
    merge,
    numbers_of,
)
from crossmodal.statistics.numbers import Number
from crossmodal.statistics.panel import Measured
from crossmodal.statistics.queries import DIRECTIONS

Shift = tuple[str, str]
"""Dataset and variant."""

Summary = tuple[str, Callable[[Sequence[Estimate]], Estimate], list[Shift]]
"""Name of a summary, how it sums up, and the shifts that it is over."""


def degradation(
    place: Place, clean: str, measured: Measured, level: float, shifts: Mapping[str, ShiftFacts] | None = None
) -> list[Number]:
    """Return `degradation_<m>` = (clean - shifted) / clean for every shifted set in `measured`.

    `clean` names the dataset whose clean set is the reference, the cell's own target. Shifts of it are its
    other variants and the clean sets of other datasets; shifted sets of other datasets have no reference and
    are left out. Over the variants of `clean` there are summaries (see `summaries`). Direction `mean` is the
    mean of what both directions gave.
    """
    found = {
        (key.dataset, key.variant, key.direction, key.metric): seeds
        for key, seeds in measured.items()
        if key.experiment in ("peft", "robustness")
    }
    sets = [s for s in dict.fromkeys((key[0], key[1]) for key in found) if s != (clean, "clean")]
    sets = [(dataset, variant) for dataset, variant in sets if dataset == clean or variant == "clean"]
    summed = summaries([shift for shift in sets if shift[0] == clean], shifts or {})
    numbers = []
    for metric in RECALLS:
        lost: dict[Shift, dict[str, Seeds]] = {}
        for dataset, variant in sets:
            directions = {
                d: combine(loss_of, found[dataset, variant, d, metric], found[clean, "clean", d, metric])
                for d in DIRECTIONS
                if (dataset, variant, d, metric) in found and (clean, "clean", d, metric) in found
            }
            lost[dataset, variant] = with_mean(directions)
        for name, function, over in summed:
            shared = [d for d in (*DIRECTIONS, "mean") if all(d in lost[shift] for shift in over)]
            lost[clean, name] = {d: merge(function, [lost[shift][d] for shift in over]) for d in shared}
        for (dataset, variant), directions in lost.items():
            for direction, seeds in directions.items():
                here = at(place, "robustness", dataset, variant, direction)
                numbers += numbers_of(here, f"degradation_{metric}", seeds, level)
    return numbers


def summaries(variants: Sequence[Shift], facts: Mapping[str, ShiftFacts]) -> list[Summary]:
    """Return the summaries over shifted variants of one dataset that are not empty.

    Over shifts of images `shifts-mean` and `shifts-worst` (the highest degradation, found anew in every
    resample) and for each severity n `severity-<n>-mean`; over shifts of texts `text-shifts-mean` and
    `text-shifts-worst`. A variant without facts is taken for a shift of images.
    """
    texts = [shift for shift in variants if shift[1] in facts and facts[shift[1]].modality == "texts"]
    images = [shift for shift in variants if shift not in texts]
    graded: dict[int, list[Shift]] = {}
    for shift in images:
        severity = facts[shift[1]].severity if shift[1] in facts else None
        if severity is not None:
            graded.setdefault(severity, []).append(shift)
    found: list[Summary] = [
        ("shifts-mean", mean, images),
        ("shifts-worst", highest, images),
        *((f"severity-{severity}-mean", mean, graded[severity]) for severity in sorted(graded)),
        ("text-shifts-mean", mean, texts),
        ("text-shifts-worst", highest, texts),
    ]
    return [summary for summary in found if summary[2]]


def attack_numbers(place: Place, measured: Measured, level: float) -> list[Number]:
    """Return recall under each attack of a cell, and its degradation against the same queries unattacked.

    Variants are "<threat>-<epsilon>"; the reference of `degradation_<m>` is the variant of the same threat
    whose epsilon is 0. Attacked are some of the queries of a test set, in one direction each.
    """
    numbers = []
    unattacked: dict[tuple[str, str, str, str], Seeds] = {}
    for key, seeds in measured.items():
        threat, epsilon = split_variant(key.variant)
        if epsilon == 0:
            unattacked[key.dataset, threat, key.direction, key.metric] = seeds
    for key, seeds in measured.items():
        if key.metric not in RECALLS:
            continue
        here = at(place, "attack", key.dataset, key.variant, key.direction)
        numbers += numbers_of(here, key.metric, aggregate(seeds), level)
        threat, epsilon = split_variant(key.variant)
        reference = unattacked.get((key.dataset, threat, key.direction, key.metric))
        if reference and epsilon != 0:
            lost = combine(loss_of, seeds, reference)
            numbers += numbers_of(here, f"degradation_{key.metric}", lost, level)
    return numbers
