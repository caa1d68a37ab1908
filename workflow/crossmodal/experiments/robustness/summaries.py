"""What stands for several shifts.

They are summed up as in ImageNet-C (Hendrycks and Dietterich 2019): first over the severities of a kind, then over
kinds, so that a kind counts once however often it was measured.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from crossmodal.experiments.robustness.records import ShiftFacts
from crossmodal.statistics.estimates import Estimate, highest, mean


class Summary(NamedTuple):
    """What stands for several shifts."""

    name: str
    function: Callable[[Sequence[Estimate]], Estimate]
    """How kinds are summed up."""
    kinds: list[list[str]]
    """The shifts of each kind, of which the mean is taken first."""


def summaries(variants: Sequence[str], facts: Mapping[str, ShiftFacts]) -> list[Summary]:
    """Return the summaries over shifted variants of one dataset that are not empty.

    Over shifts of images
    - `shifts-mean`, the mean over kinds of the means over their severities;
    - `shifts-worst`, the kind with the highest mean, found anew in every resample. Over kinds as well: the highest
      of all variants would say which severities a study lists;
    - `severity-<n>-mean`, over the kinds that were measured at severity n, where they are several;
    - `kind-<kind>-mean`, the mean of a kind that was measured several times, also for texts.
    Over shifts of texts `text-shifts-mean` and `text-shifts-worst`. A variant without facts is taken for a shift
    of images and a kind of its own. Controls are in none of them.
    """
    variants = [shift for shift in variants if shift not in facts or not facts[shift].control]
    texts = [shift for shift in variants if shift in facts and facts[shift].modality == "texts"]
    images = [shift for shift in variants if shift not in texts]
    graded: dict[int, list[str]] = {}
    for shift in images:
        severity = facts[shift].severity if shift in facts else None
        if severity is not None:
            graded.setdefault(severity, []).append(shift)
    of_images, of_texts = _by_kind(images, facts), _by_kind(texts, facts)
    found = [
        Summary("shifts-mean", mean, list(of_images.values())),
        Summary("shifts-worst", highest, list(of_images.values())),
        *(
            Summary(f"severity-{severity}-mean", mean, list(kinds.values()))
            for severity in sorted(graded)
            if len(kinds := _by_kind(graded[severity], facts)) > 1
        ),
        *(
            Summary(f"kind-{kind.replace('_', '-')}-mean", mean, [shifts])
            for kind, shifts in (of_images | of_texts).items()
            if len(shifts) > 1
        ),
        Summary("text-shifts-mean", mean, list(of_texts.values())),
        Summary("text-shifts-worst", highest, list(of_texts.values())),
    ]
    return [summary for summary in found if summary.kinds]


def _by_kind(variants: Sequence[str], facts: Mapping[str, ShiftFacts]) -> dict[str, list[str]]:
    kinds: dict[str, list[str]] = {}
    for shift in variants:
        kind = facts[shift].kind if shift in facts else shift
        kinds.setdefault(kind, []).append(shift)
    return kinds
