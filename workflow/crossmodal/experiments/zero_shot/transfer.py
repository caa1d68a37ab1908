"""What cells find on domains that nothing was trained on, what they keep of the base model, and who finds more."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from crossmodal.experiments.zero_shot.params import CLEAN, COMPARED, PROMPTED
from crossmodal.statistics.aa import aa_numbers
from crossmodal.statistics.chance import chance_recalls
from crossmodal.statistics.comparisons import RECALLS, with_mean
from crossmodal.statistics.estimates import (
    Place,
    Seeds,
    aggregate,
    combine,
    difference,
    fixed,
    mean,
    merge,
    numbers_of,
    p_value_numbers,
    ratio,
)
from crossmodal.statistics.names import CHANCE
from crossmodal.statistics.numbers import ALL_SEEDS, Number
from crossmodal.statistics.panel import Key, Measured
from crossmodal.statistics.queries import DIRECTIONS, IMAGE_TO_TEXT
from crossmodal.statistics.targets import Target

ROOM = "zero_shot"
MEAN = "domains"
"""Stands for a dataset where a number is the mean over all domains, each counted once."""
ACCURACIES = {"recall@1": "accuracy@1", "recall@5": "accuracy@5"}
"""Recall of images that ask for classes, by what it is called: each image has one class."""

Found = dict[tuple[str, str, str], Seeds]
"""Estimates by dataset, direction and metric, those of the mean over domains last."""


def quality_of(measured: Measured, captioned: Sequence[str], with_classes: Sequence[str]) -> Found:
    """Return the recalls of captions and images, their mean and the accuracies, by domain and as the mean `MEAN`.

    Recalls are of the domains `captioned`, accuracies of those `with_classes`; a mean is there only where every
    one of them has the measure.
    """
    found: Found = {}
    for domain in dict.fromkeys([*captioned, *with_classes]):
        for metric in RECALLS if domain in captioned else ():
            keys = {d: Key(ROOM, domain, CLEAN, d, metric) for d in DIRECTIONS}
            directions = with_mean(
                {d: aggregate(measured[key]) for d, key in keys.items() if key in measured}
            )
            found |= {(domain, direction, metric): seeds for direction, seeds in directions.items()}
        for recall, metric in ACCURACIES.items():
            key = Key(ROOM, domain, PROMPTED, IMAGE_TO_TEXT, recall)
            if key in measured:
                found[domain, IMAGE_TO_TEXT, metric] = aggregate(measured[key])
    for direction, metric in dict.fromkeys((d, m) for _, d, m in found):
        wanted = with_classes if metric in ACCURACIES.values() else captioned
        parts = [
            found[domain, direction, metric] for domain in wanted if (domain, direction, metric) in found
        ]
        if len(parts) == len(wanted):
            found[MEAN, direction, metric] = merge(mean, parts)
    return found


def quality_numbers(cell: str, found: Found, level: float) -> list[Number]:
    """Return what a cell finds, as numbers."""
    numbers: list[Number] = []
    for (domain, direction, metric), seeds in found.items():
        numbers += numbers_of(_place(cell, domain, direction, metric), metric, seeds, level)
    return numbers


def retention_numbers(cell: str, own: Found, base: Found, level: float) -> list[Number]:
    """Return `retention_<m>` = a cell's measure / that of the base model, of recalls and accuracy@1.

    That of the mean over domains is the ratio of the means: a domain where the base model finds next to nothing
    does not decide it.
    """
    numbers: list[Number] = []
    for (domain, direction, metric), seeds in _compared(own, base):
        kept = combine(ratio, seeds, fixed(base[domain, direction, metric]))
        numbers += numbers_of(_place(cell, domain, direction, metric), f"retention_{metric}", kept, level)
    return numbers


def gain_numbers(
    cell: str, own: Found, other: str, theirs: Found, level: float, targets: Mapping[str, Target]
) -> list[Number]:
    """Return `gain_over_<other>_<m>` = a cell's measure - a student's or the probe's, with its `p_value_...`.

    Both were resampled with the same draws of images. `targets` are what claims say of these numbers, by id.
    """
    numbers: list[Number] = []
    for (domain, direction, metric), seeds in _compared(own, theirs):
        gained = combine(difference, seeds, theirs[domain, direction, metric])
        place, name = _place(cell, domain, direction, metric), f"gain_over_{other}_{metric}"
        numbers += numbers_of(place, name, gained, level, targets=targets)
        numbers += p_value_numbers(place, name, gained, level)
    return numbers


def beside_itself_numbers(cell: str, own: Found, level: float) -> list[Number]:
    """Return what a cell differs by from itself with other seeds, over all domains; nothing for one seed."""
    numbers: list[Number] = []
    for metric in COMPARED:
        seeds = {d: own[MEAN, d, metric] for d in DIRECTIONS if (MEAN, d, metric) in own}
        place = partial(_place, cell, MEAN, metric=metric)
        numbers += aa_numbers(place, metric, seeds, level, ("aa_difference",))
    return numbers


def chance_numbers(
    paths: Sequence[Path], captioned: Sequence[str], with_classes: Sequence[str]
) -> list[Number]:
    """Return what random order finds in each domain and in their mean, as the cell `CHANCE`, expected values.

    `paths` are results of one cell on all domains.
    """
    found: dict[tuple[str, str, str], float] = {}
    for path in paths:
        domain, _, variant = path.parts[-4:-1]
        chances = chance_recalls(path)
        if variant == PROMPTED and domain in with_classes:
            own = chances[IMAGE_TO_TEXT]
            found |= {(domain, IMAGE_TO_TEXT, name): own[recall] for recall, name in ACCURACIES.items()}
        elif variant == CLEAN and domain in captioned:
            found |= {(domain, d, m): value for d, own in chances.items() for m, value in own.items()}
            found |= {
                (domain, "mean", m): float(np.mean([own[m] for own in chances.values()])) for m in RECALLS
            }
    for direction, metric in dict.fromkeys((d, m) for _, d, m in found):
        values = [value for (_, d, m), value in found.items() if (d, m) == (direction, metric)]
        found[MEAN, direction, metric] = float(np.mean(values))
    sources = list(map(str, paths))
    return [
        _place(CHANCE, domain, direction, metric).plain(ALL_SEEDS, metric, value, "fraction", sources)
        for (domain, direction, metric), value in found.items()
    ]


def _compared(own: Found, other: Found) -> Iterator[tuple[tuple[str, str, str], Seeds]]:
    """Yield what is compared: `COMPARED` and accuracy@1, where both have it."""
    for key, seeds in own.items():
        if key[2] in (*COMPARED, "accuracy@1") and key in other:
            yield key, seeds


def _place(cell: str, domain: str, direction: str, metric: str) -> Place:
    variant = PROMPTED if metric.startswith("accuracy") else CLEAN
    return Place(ROOM, cell, domain, "test", variant, direction)
