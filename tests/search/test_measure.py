"""Recall of an index against the obvious computation."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings

from crossmodal.search import measure
from crossmodal.search.measure import index_recall


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
