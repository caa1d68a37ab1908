"""`crossmodal compare`: this machine's numbers beside the published ones."""

import json
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from crossmodal.commands.context import StudyOption, name_of
from crossmodal.errors import UserError

if TYPE_CHECKING:
    from crossmodal.statistics.numbers import Number


class Outcome(StrEnum):
    """How a number compares with the published one."""

    EQUAL = "equal as printed"
    INTERVAL = "equal with another interval"
    WITHIN = "within the published interval"
    OUTSIDE = "outside the published interval"
    DIFFERENT = "different, without an interval"
    COUNTS = "of other counts of queries or seeds"
    ABSENT = "published, not here"
    NEW = "here, not published"


class Comparison(NamedTuple):
    """A number of this machine beside the published one; either may be missing."""

    number_id: str
    outcome: Outcome
    timed: bool
    published: "Number | None"
    here: "Number | None"


NEAR = (Outcome.EQUAL, Outcome.INTERVAL, Outcome.WITHIN)
"""What another processor may bring about: these are listed only where all are asked for."""
COUNTED_BY_RESULT = ("blind_auc",)
"""Metrics (their beginnings) over what a model has found: how much that is may differ between processors."""
SHOWN = 20


def compare(
    study: StudyOption = None,
    everything: Annotated[bool, typer.Option("--all", help="List every number that is not equal.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print every comparison as JSON.")] = False,
    check: Annotated[
        bool,
        typer.Option(
            help="Exit with 1 if a number, times apart, is outside or missing, if any is of other counts of "
            "queries or seeds, or if a verdict differs."
        ),
    ] = False,
) -> None:
    """Set this machine's numbers beside the published ones: how many are equal, how many within their interval.

    On the machine that the published numbers come from all but the times are equal. Another processor rounds
    differently in the last bits, training carries that further, and an interval says how far it may go.
    How many queries and seeds a number is of, those of times too, no processor changes. The verdicts on the
    claims are compared as well.
    """
    from crossmodal.statistics.numbers import read_numbers
    from crossmodal.statistics.published import as_published, published_path, read_published

    name = name_of(study)
    path = Path("results") / name / "metrics.parquet"
    if not path.exists():
        raise UserError(
            f"{path}: no such file; run the study first, or `crossmodal restore` what is published"
        )
    if not published_path(name).exists():
        print(f"study {name}: nothing of it is published, so there is nothing to compare with")
        return
    here = {number.number_id: as_published(number) for number in read_numbers(path)}
    found = compare_numbers(read_published(name), here)
    wrong = [c for c in found if c.outcome is Outcome.COUNTS or (c.outcome not in NEAR and not c.timed)]
    verdicts = _verdicts(name)
    if as_json:
        print(json.dumps([_row(comparison) for comparison in found], indent=1))
    else:
        shown = [c for c in found if c.outcome is not Outcome.EQUAL] if everything else wrong
        _print(shown if everything else shown[:SHOWN], len(shown))
        print(summary(found))
        if verdicts:
            print(verdicts_line(verdicts))
    if check and (wrong or any(published != here for published, here in verdicts.values())):
        raise typer.Exit(1)


def _verdicts(study: str) -> dict[str, tuple[str, str]]:
    """Return the published verdict on each claim and this machine's, by the claim's id; "none" where one lacks."""
    from crossmodal.commands.pages import published_hypotheses

    path = Path("results") / study / "hypotheses.json"
    if not path.exists():
        return {}
    here = {row["id"]: row["verdict"] for row in json.loads(path.read_text())}
    known = {hypothesis.id: hypothesis.verdict for hypothesis in published_hypotheses(study)}
    return {id: (known.get(id, "none"), here.get(id, "none")) for id in dict.fromkeys([*known, *here])}


def verdicts_line(verdicts: Mapping[str, tuple[str, str]]) -> str:
    """Return the line on verdicts, given the published one and this machine's by the claim's id."""
    told = [
        f"{id} (published {published}, here {here})"
        for id, (published, here) in verdicts.items()
        if published != here
    ]
    line = f"compared with the published verdicts: {_count(len(verdicts), 'verdict')}: "
    return line + (f"{len(told)} not the same: {', '.join(told)}" if told else "all the same")


def compare_numbers(published: Mapping[str, "Number"], here: Mapping[str, "Number"]) -> list[Comparison]:
    """Return how each number of either side compares, in the order of the published ones."""
    from crossmodal.statistics.timed import is_timed

    return [
        Comparison(
            name,
            outcome(published.get(name), here.get(name)),
            is_timed(name.rpartition("/")[2]),
            published.get(name),
            here.get(name),
        )
        for name in dict.fromkeys([*published, *here])
    ]


def outcome(published: "Number | None", here: "Number | None") -> Outcome:
    """Return how the number `here` compares with the published one.

    Equal is what a page prints in the same way; an undefined value is equal to an undefined one. Values of other
    counts of queries or seeds are not compared.
    """
    from crossmodal.report.formatting import format_interval, format_value, kind_of

    if published is None or here is None:
        return Outcome.NEW if published is None else Outcome.ABSENT
    if _other_counts(published, here):
        return Outcome.COUNTS
    kind = kind_of(published.metric, published.unit)
    if format_value(published.value, kind) == format_value(here.value, kind):
        intervals = [format_interval(number.ci_low, number.ci_high, kind) for number in (published, here)]
        return Outcome.EQUAL if intervals[0] == intervals[1] else Outcome.INTERVAL
    low, high = published.ci_low, published.ci_high
    if low is None or high is None or here.value is None:
        return Outcome.DIFFERENT
    return Outcome.WITHIN if low <= here.value <= high else Outcome.OUTSIDE


def _other_counts(published: "Number", here: "Number") -> bool:
    if published.n_queries != here.n_queries and not published.metric.startswith(COUNTED_BY_RESULT):
        return True
    # A table published before seeds were counted says nothing of them.
    return published.n_seeds is not None and published.n_seeds != here.n_seeds


def summary(found: list[Comparison]) -> str:
    """Return the line that says it all; times are counted apart."""
    measured = [comparison for comparison in found if not comparison.timed]
    times = Counter(comparison.outcome for comparison in found if comparison.timed)
    counts = Counter(comparison.outcome for comparison in measured)
    told = ", ".join(f"{counts[kind]:,} {kind}" for kind in Outcome if counts[kind])
    line = f"compared with the published numbers: {_count(len(measured), 'number')}: {told or 'none'}"
    if total := times.total():
        near = sum(times[kind] for kind in NEAR)
        line += f"; and {_count(total, 'time')}, {near:,} of them equal or within their interval"
    return line


def _print(shown: list[Comparison], total: int) -> None:
    """Print two lines a number: its id, whole so that it can be copied, and below it what is compared."""
    if not shown:
        return
    print(f"{_count(total, 'number')} {'differs' if total == 1 else 'differ'}")
    for comparison in shown:
        counted = comparison.outcome is Outcome.COUNTS
        sides = {
            "published": _text(comparison.published, counted), "here": _text(comparison.here, counted)
        }  # fmt: skip
        told = ", ".join(f"{side} {text}" for side, text in sides.items() if text)
        print(f"{comparison.number_id}\n    {told}: {comparison.outcome}")
    if total > len(shown):
        print(f"and {total - len(shown):,} more; `crossmodal compare --all` lists them")


def _count(count: int, name: str) -> str:
    return f"{count:,} {name}{'' if count == 1 else 's'}"


def _text(number: "Number | None", counted: bool) -> str:
    from crossmodal.report.formatting import format_interval, format_value, kind_of

    if number is None:
        return ""
    kind = kind_of(number.metric, number.unit)
    interval = format_interval(number.ci_low, number.ci_high, kind)
    words = [format_value(number.value, kind), interval]
    if counted:
        words.append(f"(queries: {number.n_queries or 'none'}, seeds: {number.n_seeds or 'none'})")
    return " ".join(filter(None, words))


def _row(comparison: Comparison) -> dict[str, object]:
    published, here = comparison.published, comparison.here
    return {
        "number_id": comparison.number_id,
        "outcome": comparison.outcome,
        "timed": comparison.timed,
        "published": published and _fields(published),
        "here": here and _fields(here),
    }


def _fields(number: "Number") -> list[float | None]:
    return [number.value, number.ci_low, number.ci_high, number.n_queries, number.n_seeds]
