"""Recall of an index against the obvious computation, and the protocol of latency."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from crossmodal.search import measure
from crossmodal.search.measure import index_recall, latency, latency_twice
from crossmodal.search.settings import LatencyProtocol


def _slow_recall(vectors, queries, positions, k):
    shares = []
    for query, found in zip(queries, positions, strict=True):
        best = sorted(range(len(vectors)), key=lambda i: -float(query @ vectors[i]))[:k]
        shares.append(len(set(best) & set(found[:k].tolist())) / min(k, len(vectors)))
    return shares


@given(n=st.integers(1, 40), q=st.integers(1, 8), k=st.integers(1, 12), seed=st.integers(0, 999))
@settings(max_examples=40)
def test_recall_equals_the_intersection_of_sets(unit, n, q, k, seed):
    rng = np.random.default_rng(seed)
    vectors, queries = unit(n, 6, seed), unit(q, 6, seed + 1)
    width = max(k, n)
    positions = np.stack([np.pad(rng.permutation(n), (0, width - n), constant_values=-1) for _ in range(q)])
    measured = index_recall(vectors, queries, positions, k)
    np.testing.assert_allclose(measured, _slow_recall(vectors, queries, positions, k))


def test_blocks_make_no_difference(unit, monkeypatch):
    vectors, queries = unit(50, 8), unit(23, 8, 1)
    positions = np.random.default_rng(0).permuted(np.tile(np.arange(50), (23, 1)), axis=1)
    whole = index_recall(vectors, queries, positions, 10)
    monkeypatch.setattr(measure, "SCORES", 200)
    np.testing.assert_array_equal(index_recall(vectors, queries, positions, 10), whole)


def test_either_of_two_equal_items_will_do(unit):
    vectors = unit(6, 4)
    vectors[1] = vectors[0]
    for positions in ([[0]], [[1]]):
        assert index_recall(vectors, vectors[:1], np.array(positions), 1) == 1
    assert index_recall(vectors, vectors[:1], np.array([[2]]), 1) == 0


def test_what_was_not_found_is_a_miss(unit):
    vectors = unit(1, 4)
    assert index_recall(vectors, vectors, np.array([[-1]]), 1) == 0


@given(queries=st.integers(1, 7), warm_up=st.integers(1, 9), measured=st.integers(1, 9))
@settings(max_examples=20)
def test_latency_asks_one_query_after_another(queries, warm_up, measured):
    asked = []
    protocol = LatencyProtocol(warm_up=warm_up, measured=measured)
    samples = latency(asked.append, queries, protocol)
    assert asked == [i % queries for i in range(warm_up + measured)]
    assert samples.shape == (measured,) and samples.dtype == np.float64 and (samples >= 0).all()


def test_latency_is_in_milliseconds_and_leaves_the_warm_up_out(monkeypatch):
    ticks = iter(range(0, 10**9, 2_000_000))
    monkeypatch.setattr(measure, "perf_counter_ns", lambda: next(ticks))
    assert latency(lambda i: None, 3, LatencyProtocol(warm_up=5, measured=4)) == pytest.approx([2.0] * 4)


@given(queries=st.integers(1, 7), warm_up=st.integers(1, 9), measured=st.integers(1, 9))
@settings(max_examples=20)
def test_a_second_measurement_asks_the_same_queries(queries, warm_up, measured):
    """The clock shows what is asked, so that each time is that of its query."""
    asked, clock = [], iter(range(10**6))
    protocol = LatencyProtocol(warm_up=warm_up, measured=measured)

    def answer(i):
        asked.append(i)
        for _ in range(i):  # a query i takes i ticks, and one of its own
            next(clock)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "perf_counter_ns", lambda: next(clock) * 1_000_000)
        samples = latency_twice(answer, queries, protocol)
    expected = [(warm_up + i) % queries + 1 for i in range(measured)]
    assert samples.tolist() == [expected, expected]
    assert asked[:warm_up] == [i % queries for i in range(warm_up)]
    timed = asked[warm_up:]
    for first, second, i in zip(timed[::2], timed[1::2], range(measured), strict=True):
        pair = [expected[i] - 1, expected[measured - 1 - i] - 1]
        assert [first, second] == (pair if i % 2 else pair[::-1])
