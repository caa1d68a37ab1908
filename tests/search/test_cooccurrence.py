"""The graph counts what is found together, and expansion follows it."""

from collections import Counter

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings

from crossmodal.search.cooccurrence import expand, neighbours


@given(
    q=st.integers(0, 15),
    k=st.integers(1, 5),
    n=st.integers(5, 9),
    degree=st.integers(1, 4),
    seed=st.integers(0, 99),
)
@settings(max_examples=40)
def test_neighbours_are_those_counted_one_by_one(q, k, n, degree, seed):
    rng = np.random.default_rng(seed)
    lists = np.array([rng.permutation(n)[:k] for _ in range(q)]).reshape(q, k)
    lists[rng.random((q, k)) < 0.2] = -1
    graph = neighbours(lists, n, degree)
    assert graph.dtype == np.int32 and graph.shape == (n, degree)
    for item in range(n):
        times = Counter(
            other for row in lists.tolist() if item in row for other in row if other not in (item, -1)
        )
        best = sorted(times, key=lambda other: (-times[other], other))[:degree]
        assert graph[item].tolist() == best + [-1] * (degree - len(best))


def test_blocks_make_no_difference(monkeypatch):
    rng = np.random.default_rng(0)
    lists = np.array([rng.permutation(50)[:6] for _ in range(80)])
    whole = neighbours(lists, 50)
    monkeypatch.setattr("crossmodal.search.cooccurrence.ROWS", 7)
    np.testing.assert_array_equal(neighbours(lists, 50), whole)


def test_candidates_come_first_and_then_their_neighbours_by_rank():
    graph = np.array([[1, 2], [0, 3], [4, -1], [-1, -1], [2, 0]], np.int32)
    found = np.array([[0, 4, -1], [3, -1, -1]])
    assert expand(found, graph, 6).tolist() == [[0, 4, 1, 2, -1, -1], [3, -1, -1, -1, -1, -1]]
    assert expand(found, graph, 3).tolist() == [[0, 4, 1], [3, -1, -1]]
    assert expand(found, graph, 1).tolist() == [[0], [3]]


def test_expansion_finds_what_lists_miss(unit):
    """Items in pairs that the same training queries want: one of each is found, the other is its neighbour."""
    lists = np.arange(40).reshape(20, 2)
    graph = neighbours(lists, 40)
    found = np.arange(0, 40, 2)[:, None]
    assert expand(found, graph, 2).tolist() == lists.tolist()
