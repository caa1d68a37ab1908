"""`crossmodal compare`: every way in which two numbers can differ, and what is said of all of them."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.commands.compare import Comparison, Outcome, compare_numbers, outcome, summary, verdicts_line
from crossmodal.report.formatting import format_value
from crossmodal.statistics.numbers import Number, write_numbers
from crossmodal.statistics.published import as_published, published_path, write_published

ONE = Number(
    "peft", "lora-r8", "*", "openmoji", "test", "clean", "text_to_image", "recall@1", 0.25, 0.2, 0.3, 100,
    "fraction", "a.parquet", 3,
)  # fmt: skip
TIME = replace(ONE, metric="latency_p50", value=5.0, ci_low=4.0, ci_high=6.0, unit="ms")
BARE = replace(ONE, metric="parameters_trainable", value=100.0, ci_low=None, ci_high=None, unit="count")

BLIND = replace(ONE, metric="blind_auc_own")


def by_id(*numbers: Number) -> dict[str, Number]:
    return {number.number_id: number for number in numbers}


@pytest.mark.parametrize(
    ("published", "here", "expected"),
    [
        (ONE, ONE, Outcome.EQUAL),
        (ONE, replace(ONE, value=0.25049), Outcome.EQUAL),  # 25.0 % either way
        (ONE, replace(ONE, ci_low=0.20049), Outcome.EQUAL),
        (ONE, replace(ONE, ci_low=0.21), Outcome.INTERVAL),
        (ONE, replace(ONE, ci_low=None, ci_high=None), Outcome.INTERVAL),
        (ONE, replace(ONE, value=0.2506), Outcome.WITHIN),
        (ONE, replace(ONE, value=0.2), Outcome.WITHIN),
        (ONE, replace(ONE, value=0.3), Outcome.WITHIN),
        (ONE, replace(ONE, value=0.3001), Outcome.OUTSIDE),
        (ONE, replace(ONE, value=0.1), Outcome.OUTSIDE),
        (ONE, replace(ONE, value=None, ci_low=None, ci_high=None), Outcome.DIFFERENT),
        (replace(ONE, value=None, ci_low=None, ci_high=None), ONE, Outcome.DIFFERENT),
        (BARE, replace(BARE, value=101.0), Outcome.DIFFERENT),
        (BARE, replace(BARE, value=100.4), Outcome.EQUAL),
        (replace(BARE, value=None), replace(BARE, value=None), Outcome.EQUAL),
        (ONE, replace(ONE, n_queries=99), Outcome.COUNTS),
        (ONE, replace(ONE, n_seeds=2, value=0.9), Outcome.COUNTS),
        (ONE, replace(ONE, n_seeds=None), Outcome.COUNTS),
        (replace(ONE, n_seeds=None), ONE, Outcome.EQUAL),  # published before they were counted
        (BLIND, replace(BLIND, n_queries=99), Outcome.EQUAL),
        (BLIND, replace(BLIND, n_seeds=2), Outcome.COUNTS),
        (ONE, None, Outcome.ABSENT),
        (None, ONE, Outcome.NEW),
    ],
)
def test_every_outcome(published: Number | None, here: Number | None, expected: Outcome) -> None:
    assert outcome(published, here) is expected


values = st.floats(-2, 2) | st.none()


@given(values, values, st.floats(0, 1), st.floats(0, 1))
def test_the_outcome_follows_from_what_is_printed_and_from_the_published_interval(
    value: float | None, here: float | None, below: float, above: float
) -> None:
    bounds = (None, None) if value is None else (value - below, value + above)
    known = replace(ONE, value=value, ci_low=bounds[0], ci_high=bounds[1])
    found = outcome(known, replace(known, value=here))
    if format_value(value, "fraction") == format_value(here, "fraction"):
        assert found is Outcome.EQUAL
    elif value is None or here is None:
        assert found is Outcome.DIFFERENT
    else:
        assert found is (Outcome.WITHIN if bounds[0] <= here <= bounds[1] else Outcome.OUTSIDE)


@given(st.floats(-2, 2), st.sampled_from(["fraction", "ms", "count", "p"]))
def test_the_machine_that_published_a_number_finds_it_equal(value: float, unit: str) -> None:
    """Rounding to what is published may turn the last printed digit, so both sides are rounded alike."""
    number = as_published(replace(ONE, metric="x", value=value, unit=unit))
    assert outcome(number, as_published(replace(number, value=value))) is Outcome.EQUAL


def test_each_number_of_either_side_is_compared_once() -> None:
    new, gone = replace(ONE, cell="new"), replace(ONE, cell="gone")
    found = compare_numbers(by_id(gone, ONE, TIME), by_id(new, TIME, ONE))
    assert [(c.number_id, c.outcome, c.timed) for c in found] == [
        (gone.number_id, Outcome.ABSENT, False),
        (ONE.number_id, Outcome.EQUAL, False),
        (TIME.number_id, Outcome.EQUAL, True),
        (new.number_id, Outcome.NEW, False),
    ]
    assert (found[0].published, found[0].here) == (gone, None)
    assert (found[-1].published, found[-1].here) == (None, new)


@given(st.lists(st.sampled_from([*Outcome])), st.lists(st.sampled_from([*Outcome])))
def test_the_summary_counts_every_number_once_and_times_apart(
    measured: list[Outcome], times: list[Outcome]
) -> None:
    found = [Comparison("n", o, False, None, None) for o in measured]
    found += [Comparison("t", o, True, None, None) for o in times]
    head, _, tail = summary(found).partition("; and ")
    number = "1 number" if len(measured) == 1 else f"{len(measured)} numbers"
    counts = {kind: measured.count(kind) for kind in Outcome}
    told = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    assert head == f"compared with the published numbers: {number}: {told or 'none'}"
    near = sum(times.count(kind) for kind in (Outcome.EQUAL, Outcome.INTERVAL, Outcome.WITHIN))
    time = "1 time" if len(times) == 1 else f"{len(times)} times"
    assert tail == (f"{time}, {near} of them equal or within their interval" if times else "")


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[list[Number], list[Number]], None]:
    """Return a function that writes the published numbers of study `tiny` and this machine's."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("study: tiny\n")

    def write(published: list[Number], here: list[Number]) -> None:
        write_published(published_path("tiny"), published)
        Path("results/tiny").mkdir(parents=True, exist_ok=True)
        write_numbers(Path("results/tiny/metrics.parquet"), here)

    return write


def test_equal_numbers_are_one_line(study, crossmodal) -> None:
    study([ONE, TIME], [ONE, replace(TIME, value=5.9)])
    done = crossmodal("compare")
    assert done.status == 0
    assert done.out == (
        "compared with the published numbers: 1 number: 1 equal as printed; and 1 time, "
        "1 of them equal or within their interval\n"
    )


def test_what_differs_is_listed_and_times_only_if_all_are_asked_for(study, crossmodal) -> None:
    within, outside = replace(ONE, cell="within"), replace(ONE, cell="outside")
    study(
        [ONE, within, outside, BARE, TIME],
        [ONE, replace(within, value=0.29), replace(outside, value=0.5, ci_low=0.4, ci_high=0.6),
         replace(BARE, value=7.0), replace(TIME, value=50.0), replace(ONE, cell="new")],
    )  # fmt: skip
    done = crossmodal("compare", "--study", "tiny")
    text = done.out.replace("\N{NO-BREAK SPACE}", " ")
    assert text.splitlines() == [
        "3 numbers differ",
        outside.number_id,
        "    published 25.0 % [20.0, 30.0], here 50.0 % [40.0, 60.0]: outside the published interval",
        BARE.number_id,
        "    published 100, here 7: different, without an interval",
        replace(ONE, cell="new").number_id,
        "    here 25.0 % [20.0, 30.0]: here, not published",
        "compared with the published numbers: 5 numbers: 1 equal as printed, 1 within the published interval, "
        "1 outside the published interval, 1 different, without an interval, 1 here, not published; "
        "and 1 time, 0 of them equal or within their interval",
    ]
    everything = crossmodal("compare", "--all").out
    assert all(number.number_id in everything for number in (within, outside, BARE, TIME))
    assert ONE.number_id not in everything


def test_whoever_asks_for_a_check_gets_an_exit_status(study, crossmodal) -> None:
    study([ONE, TIME], [replace(ONE, value=0.29, ci_low=0.22), replace(TIME, value=50.0)])
    assert crossmodal("compare", "--check").status == 0, "within its interval, and times do not count"
    study([ONE, TIME], [ONE, replace(TIME, n_queries=99)])
    assert crossmodal("compare", "--check").status == 1, "how often it is timed is no time"
    study([ONE, TIME], [replace(ONE, value=0.31), TIME])
    assert crossmodal("compare", "--check").status == 1 and crossmodal("compare").status == 0
    assert crossmodal("compare", "--check", "--json").status == 1


def test_counts_are_told_where_they_differ(study, crossmodal) -> None:
    study([ONE, TIME], [replace(ONE, n_queries=99, n_seeds=None), TIME])
    text = crossmodal("compare").out.replace("\N{NO-BREAK SPACE}", " ")
    assert text.splitlines()[:3] == [
        "1 number differs",
        ONE.number_id,
        "    published 25.0 % [20.0, 30.0] (queries: 100, seeds: 3), "
        "here 25.0 % [20.0, 30.0] (queries: 99, seeds: none): of other counts of queries or seeds",
    ]


def test_the_verdicts_are_compared() -> None:
    same = {"H1.recall@1": ("refuted", "refuted"), "H3.recall": ("inconclusive", "inconclusive")}
    assert verdicts_line(same) == "compared with the published verdicts: 2 verdicts: all the same"
    assert verdicts_line(same | {"H2.standard": ("supported", "none")}) == (
        "compared with the published verdicts: 3 verdicts: 1 not the same: "
        "H2.standard (published supported, here none)"
    )


def test_a_long_list_is_cut(study, crossmodal) -> None:
    many = [replace(ONE, cell=f"c{i}") for i in range(50)]
    study(many, [replace(number, value=0.9, ci_low=None, ci_high=None) for number in many])
    out = crossmodal("compare").out
    assert sum(number.number_id in out for number in many) == 20
    assert "and 30 more; `crossmodal compare --all` lists them" in out
    assert sum(number.number_id in crossmodal("compare", "--all").out for number in many) == 50


def test_json_holds_every_comparison(study, crossmodal) -> None:
    study([ONE, TIME], [replace(ONE, value=0.5, ci_low=None, ci_high=None)])
    rows: list[dict[str, Any]] = json.loads(crossmodal("compare", "--json").out)
    assert rows == [
        {"number_id": ONE.number_id, "outcome": "outside the published interval", "timed": False,
         "published": [0.25, 0.2, 0.3, 100, 3], "here": [0.5, None, None, 100, 3]},
        {"number_id": TIME.number_id, "outcome": "published, not here", "timed": True,
         "published": [5.0, 4.0, 6.0, 100, 3], "here": None},
    ]  # fmt: skip


def test_without_published_numbers_there_is_nothing_to_compare_with(study, crossmodal) -> None:
    study([ONE], [ONE])
    published_path("tiny").unlink()
    done = crossmodal("compare")
    assert (done.status, done.err) == (0, "")
    assert done.out == "study tiny: nothing of it is published, so there is nothing to compare with\n"


def test_a_study_that_was_not_run_is_named(study, crossmodal) -> None:
    study([ONE], [ONE])
    done = crossmodal("compare", "--study", "smoke")
    assert done.status == 1 and "results/smoke/metrics.parquet: no such file; run the study first" in done.err
