"""Systems take turns, answer the same queries and are timed apart from their warm-up."""

from collections import Counter

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from threadpoolctl import threadpool_info, threadpool_limits

from crossmodal.search import timing
from crossmodal.search.settings import LatencyProtocol
from crossmodal.search.timing import peak_memory, percentiles, time_systems


@given(
    queries=st.integers(1, 90), warm_up=st.integers(1, 30), measured=st.integers(1, 130),
    batches=st.lists(st.integers(1, 70), min_size=1, max_size=3, unique=True), seed=st.integers(0, 9),
)  # fmt: skip
@settings(max_examples=40)
def test_all_systems_answer_the_same_batches(queries, warm_up, measured, batches, seed):
    asked = {name: [] for name in "abc"}
    protocol = LatencyProtocol(warm_up=warm_up, measured=measured, batches=batches)
    systems = {name: (lambda i, n, log=log: log.append((i, n))) for name, log in asked.items()}
    times = time_systems(systems, queries, protocol, seed)
    assert all(i >= 0 and i + n <= queries for log in asked.values() for i, n in log)
    assert Counter(asked["a"]) == Counter(asked["b"]) == Counter(asked["c"])
    for name in systems:
        assert list(times[name]) == batches
        for batch, timed in times[name].items():
            assert len(timed["samples_ms"]) == -(-measured // batch) and min(timed["samples_ms"]) >= 0
            assert timed["parts_ms"] == {}
    first = [pair for pair in asked["a"]][: -(-warm_up // batches[0])]
    assert first[0] == (0, min(batches[0], queries))


def test_turns_are_in_an_order_drawn_anew_and_short():
    order = []
    systems = {name: (lambda i, n, name=name: order.append(name)) for name in "abc"}
    time_systems(systems, 50, LatencyProtocol(warm_up=1, measured=200, batches=[1]), 0)
    turns = "".join(order[3:])[:: timing.TURN]
    rounds = {turns[i : i + 3] for i in range(0, len(turns), 3)}
    assert all(sorted(one) == list("abc") for one in rounds) and len(rounds) > 1
    again = []
    time_systems(
        {name: (lambda i, n, name=name: again.append(name)) for name in "abc"},
        50, LatencyProtocol(warm_up=1, measured=200, batches=[1]), 0,
    )  # fmt: skip
    assert again == order


def test_times_are_milliseconds_of_the_call_and_parts_are_kept(monkeypatch):
    clock = iter(range(0, 10**12, 2_000_000))
    monkeypatch.setattr(timing, "perf_counter_ns", lambda: next(clock))
    protocol = LatencyProtocol(warm_up=5, measured=4, batches=[2])
    times = time_systems({"a": lambda i, n: {"search": 1.5, "refine": 0.5}}, 10, protocol, 0)
    assert times == {
        "a": {2: {"samples_ms": [2.0] * 2, "parts_ms": {"search": [1.5] * 2, "refine": [0.5] * 2}}}
    }


@given(samples=st.lists(st.floats(0, 100), min_size=1, max_size=50), level=st.floats(0, 100))
def test_a_percentile_is_the_least_sample_that_so_many_are_below(samples, level):
    found = percentiles(samples, [level])[0]
    least = min(s for s in samples if np.mean([other <= s for other in samples]) * 100 >= level - 1e-9)
    assert found == pytest.approx(least)


def test_peak_memory_grows_with_what_is_held():
    before = peak_memory()
    held = np.ones(60_000_000 // 8)
    assert before > 2**20 and peak_memory() >= before and held[0]
    assert peak_memory() < 2**40


def test_blas_has_one_thread_however_many_cores_the_job_has():
    seen = []

    def answer(i, n):
        seen.append({pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"})

    with threadpool_limits(2, user_api="blas"):
        time_systems({"a": answer}, 4, LatencyProtocol(warm_up=1, measured=2, batches=[1]), seed=0)
        assert {2} == {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}
    assert seen == [{1}] * 3
