"""What a shift or an attack degrades: (clean - shifted) / clean, each query beside itself."""

from collections.abc import Mapping
from dataclasses import replace

from crossmodal.experiments.robustness.records import ShiftFacts
from crossmodal.experiments.robustness.summaries import summaries
from crossmodal.experiments.robustness.threat_names import split_variant
from crossmodal.statistics.comparisons import RECALLS, at, loss_of, with_mean
from crossmodal.statistics.estimates import (
    Estimate,
    Place,
    Seeds,
    aggregate,
    combine,
    mean,
    merge,
    numbers_of,
)
from crossmodal.statistics.numbers import ALL_SEEDS, Number
from crossmodal.statistics.panel import CLEAN, Measured
from crossmodal.statistics.queries import DIRECTIONS

Directions = dict[str, Seeds]
"""What both directions and their mean lost, by direction."""
MEANS = ("shifts-mean", "text-shifts-mean")
"""The summaries that are means over all kinds."""


def degradation(
    place: Place, clean: str, measured: Measured, level: float, shifts: Mapping[str, ShiftFacts] | None = None
) -> list[Number]:
    """Return `degradation_<m>` = (clean - shifted) / clean for every shifted variant in `measured`.

    `clean` names the dataset whose clean set is the reference, the cell's own target: only variants of it are
    shifts, since the gallery of another dataset holds other concepts. Over them there are summaries (see
    `summaries`), and as `kinds` of `shifts-mean` and of `text-shifts-mean` the number of kinds that they are over.
    Beside what is lost in these two means stands what is left, `<m>`: a cell that knows less has less to lose.
    Direction `mean` is the mean of what both directions gave.
    """
    numbers = []
    for metric in RECALLS:
        lost = losses(clean, measured, metric, shifts or {})
        found = recalls(clean, measured, metric, shifts or {})
        left = {name: found[name] for name in MEANS if name in found}
        for told, variants in ((f"degradation_{metric}", lost), (metric, left)):
            for variant, directions in variants.items():
                for direction, seeds in directions.items():
                    here = at(place, "robustness", clean, variant, direction)
                    numbers += numbers_of(here, told, seeds, level)
    for name, _, kinds in summaries(_shifts(clean, measured), shifts or {}):
        if name in MEANS and lost[name]:
            here = at(place, "robustness", clean, name, "-")
            total = next(iter(lost[name].values()))[ALL_SEEDS]
            numbers.append(here.plain(ALL_SEEDS, "kinds", len(kinds), "count", total.sources, total.queries))
    return numbers


def losses(
    clean: str, measured: Measured, metric: str, shifts: Mapping[str, ShiftFacts]
) -> dict[str, Directions]:
    """Return what each variant of `clean` costs of `metric`, and after them what each summary does."""
    found = _recalls(clean, measured, metric)
    told = {
        variant: with_mean(
            {
                d: combine(loss_of, found[variant, d], found[CLEAN, d])
                for d in DIRECTIONS
                if (variant, d) in found and (CLEAN, d) in found
            }
        )
        for variant in _shifts(clean, measured)
    }
    return _with_summaries(told, shifts)


def recalls(
    clean: str, measured: Measured, metric: str, shifts: Mapping[str, ShiftFacts]
) -> dict[str, Directions]:
    """Return `metric` itself on each variant of `clean`, and after them the same summaries of it.

    The clean set has no part in it: numbers rest on the files that are their sources alone.
    """
    found = _recalls(clean, measured, metric)
    told = {
        variant: with_mean({d: aggregate(found[variant, d]) for d in DIRECTIONS if (variant, d) in found})
        for variant in _shifts(clean, measured)
    }
    return _with_summaries(told, shifts)


def _with_summaries(
    variants: dict[str, Directions], shifts: Mapping[str, ShiftFacts]
) -> dict[str, Directions]:
    """Return what is told of each variant, and summaries over them."""
    told = dict(variants)
    for name, over, kinds in summaries(list(variants), shifts):
        shared = [
            d for d in (*DIRECTIONS, "mean") if all(d in told[shift] for kind in kinds for shift in kind)
        ]
        told[name] = {
            d: merge(over, [merge(mean, [told[shift][d] for shift in kind]) for kind in kinds])
            for d in shared
        }
    return told


def _recalls(clean: str, measured: Measured, metric: str) -> dict[tuple[str, str], Seeds]:
    return {
        (key.variant, key.direction): seeds
        for key, seeds in measured.items()
        if key.experiment in ("peft", "robustness") and key.dataset == clean and key.metric == metric
    }


def _shifts(clean: str, measured: Measured) -> list[str]:
    """Return the variants that have the clean set of `clean` as their reference."""
    variants = dict.fromkeys(variant for variant, _ in _recalls(clean, measured, RECALLS[0]))
    return [variant for variant in variants if variant != CLEAN]


def attack_numbers(place: Place, measured: Measured, level: float) -> list[Number]:
    """Return recall under each attack of a cell, and its degradation against the same queries unattacked.

    Variants are "<threat>-<epsilon>"; the reference of `degradation_<m>` is the variant of the same threat
    whose epsilon is 0. A loss of all has an exact interval, over the queries that were right before. Attacked are
    queries of a test set, all or some, in one direction each.
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
            before = aggregate(reference)
            lost = {
                seed: _of_the_right(estimate, before.get(seed, before[ALL_SEEDS]))
                for seed, estimate in combine(loss_of, seeds, reference).items()
            }
            numbers += numbers_of(here, f"degradation_{key.metric}", lost, level)
    return numbers


def _of_the_right(lost: Estimate, before: Estimate) -> Estimate:
    """Return a loss; if it is whole, as one over the queries that were right `before`: they alone can be lost."""
    right = round(before.value * before.queries)
    return replace(lost, clusters=right) if lost.value == 1 else lost
