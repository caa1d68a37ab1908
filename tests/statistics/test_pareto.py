"""Pareto frontiers against two other ways to find them, and how sure they are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.statistics.estimates import Estimate, Place
from crossmodal.statistics.pareto import on_frontier, pareto_numbers

points = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12)
PLACE = Place("peft", "-", "openmoji", "test", "clean", "mean")


def by_definition(costs: list[int], quality: list[int]) -> list[bool]:
    """Each cell beside each other one."""
    pairs = list(zip(costs, quality, strict=True))
    return [
        not any(c <= cost and q >= found and (c, q) != (cost, found) for c, q in pairs)
        for cost, found in pairs
    ]


def by_sorting(costs: list[int], quality: list[int]) -> list[bool]:
    """One sweep from the cheapest: on the frontier is what beats all that is cheaper, the best of its cost."""
    best, member = -np.inf, [False] * len(costs)
    for cost in sorted(set(costs)):
        here = [i for i, c in enumerate(costs) if c == cost]
        top = max(quality[i] for i in here)
        if top > best:
            for i in here:
                member[i] = quality[i] == top
            best = top
    return member


@given(points)
def test_three_ways_agree(drawn: list[tuple[int, int]]) -> None:
    costs, quality = [c for c, _ in drawn], [q for _, q in drawn]
    found = on_frontier(costs, quality).tolist()
    assert found == by_definition(costs, quality) == by_sorting(costs, quality)
    assert any(found)


@given(points, st.integers(1, 4))
def test_resamples_are_judged_each_by_itself(drawn: list[tuple[int, int]], resamples: int) -> None:
    costs = np.array([c for c, _ in drawn])
    quality = np.random.default_rng(len(drawn)).integers(0, 5, (resamples, len(drawn)))
    found = on_frontier(costs, quality)
    assert found.tolist() == [by_definition(list(costs), list(row)) for row in quality]


def test_equals_do_not_dominate_and_nan_takes_no_part() -> None:
    assert on_frontier([1, 1, 2], [0.5, 0.5, 0.5]).tolist() == [True, True, False]
    assert on_frontier([1, 2, 3], [np.nan, 0.5, np.nan]).tolist() == [False, True, False]


def estimate(samples: list[float]) -> Estimate:
    return Estimate(float(np.mean(samples)), np.array(samples), 10, ("queries.parquet",))


def test_numbers_and_their_probability() -> None:
    """The dearer cell finds more on the whole, but no more in a half of the resamples."""
    recalls = {"cheap": estimate([0.5, 0.5, 0.4, 0.4]), "dear": estimate([0.6, 0.6, 0.4, 0.3])}
    known = {"cheap": estimate([1.0]), "dear": estimate([9.0])}
    numbers = {n.number_id: n for n in pareto_numbers(PLACE, recalls, {"parameters": known, "latency": {}})}
    name = "peft/{}/s*/openmoji/test/clean/mean/pareto_parameters{}"
    assert len(numbers) == 4
    assert numbers[name.format("cheap", "")].value == numbers[name.format("dear", "")].value == 1.0
    assert numbers[name.format("cheap", "_probability")].value == 1.0
    assert numbers[name.format("dear", "_probability")].value == 0.5


def test_recalls_that_differ_by_rounding_are_equal() -> None:
    recalls = {"a": estimate([0.3, 0.3]), "b": estimate([0.1 + 0.2, 0.3 + 1e-9])}
    known = {"a": estimate([2.0]), "b": estimate([2.0])}
    assert [n.value for n in pareto_numbers(PLACE, recalls, {"latency": known})] == [1.0] * 4


def test_times_are_drawn_with_the_recalls() -> None:
    recalls = {"a": estimate([0.5, 0.5]), "b": estimate([0.5, 0.5])}
    known = {"a": estimate([1.0, 3.0]), "b": estimate([2.0, 2.1])}
    shares = {
        n.cell: n.value for n in pareto_numbers(PLACE, recalls, {"latency": known}) if n.unit == "fraction"
    }
    assert shares == pytest.approx({"a": 0.5, "b": 0.5})
