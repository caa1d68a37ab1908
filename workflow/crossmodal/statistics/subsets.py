"""Numbers on a part of a test set: results of the queries whose image is of some groups, or of none of them.

Only the queries are fewer; every gallery stays whole.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from crossmodal.data.tables import read_table
from crossmodal.statistics.estimates import Place
from crossmodal.statistics.numbers import ALL_SEEDS, Number
from crossmodal.statistics.panel import CLEAN, Result, restricted
from crossmodal.statistics.queries import DIRECTIONS

Subsets = Mapping[str, Mapping[str, Any]]
"""By name `groups`, a list, and `exclude`: whether it is these groups or all others."""


def read_groups(files: Iterable[Path]) -> dict[str, str]:
    """Return the group of each image of datasets."""
    groups: dict[str, str] = {}
    for path in files:
        table = read_table(path, ["image_id", "group"])
        groups |= dict(zip(table["image_id"].to_pylist(), table["group"].to_pylist(), strict=True))
    return groups


def on_subsets(
    results: Sequence[Result], target: str, groups: Mapping[str, str], subsets: Subsets
) -> Iterator[tuple[str, list[Result], list[Result]]]:
    """Yield (name, whole results, their part) of each subset of the clean test set of `target`.

    A subset that holds none of the images, or all of them, is left out: it would say nothing new.
    """
    whole = [r for r in results if _place(r) == (target, "test", CLEAN)]
    for name, subset in subsets.items():
        images = {
            image for image, group in groups.items() if (group in subset["groups"]) != subset["exclude"]
        }
        if whole and images and images != groups.keys():
            yield name, whole, [part for result in whole if (part := restricted(result, images))]


def share_numbers(
    name: str, whole: Sequence[Result], part: Sequence[Result], files: Iterable[Path]
) -> list[Number]:
    """Return `queries_share` of a subset by direction: how many of the queries it has, a fraction.

    `files` are those that say which group an image is of.
    """
    few = part[0]
    all_ = next(result for result in whole if result.record is few.record)
    dataset, split, variant = _place(few)
    numbers = []
    for direction in DIRECTIONS:
        if (own := few.sums.get(direction)) is not None:
            queries, total = own.counts.sum(), all_.sums[direction].counts.sum()
            place = Place("peft", "-", dataset, split, f"{variant}@{name}", direction)
            told = (float(queries / total), "fraction", [*map(str, [few.record.path, *files])], int(queries))
            numbers.append(place.plain(ALL_SEEDS, "queries_share", *told))
    return numbers


def on_subset(
    numbers: Iterable[Number], name: str, metrics: tuple[str, ...], files: Iterable[Path] = ()
) -> list[Number]:
    """Return the aggregates over seeds of metrics that begin so, as numbers of the variant `<variant>@<name>`.

    `files` say which queries the subset has, so that the numbers rest on them too.
    """
    further = [str(path) for path in files]
    return [
        replace(number, variant=f"{number.variant}@{name}", source=";".join([number.source, *further]))
        for number in numbers
        if number.seed == ALL_SEEDS and number.metric.startswith(metrics)
    ]


def _place(result: Result) -> tuple[str, str, str]:
    record = result.record
    return record.dataset, record.split, record.variant
