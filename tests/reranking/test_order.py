"""Orders against sorting one query at a time; exact re-scoring is exhaustive search where all are candidates."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from crossmodal import registry
from crossmodal.errors import UserError
from crossmodal.reranking import exact, order
from crossmodal.reranking.exact_params import Params
from crossmodal.reranking.material import vectors_at
from crossmodal.reranking.order import inner_products, reorder
from crossmodal.reranking.quality import Quality, best_of, quality


def _slow(vectors, found, candidates):
    rows = []
    for query, positions in zip(found.queries, found.positions.tolist(), strict=True):
        head, tail = positions[:candidates], positions[candidates:]
        present = sorted((p for p in head if p >= 0), key=lambda p: -float(query @ vectors[p]))
        rows.append(present + [-1] * head.count(-1) + tail)
    return np.array(rows)


@given(
    n=st.integers(1, 40),
    q=st.integers(1, 9),
    gaps=st.integers(0, 3),
    c=st.integers(1, 50),
    seed=st.integers(0, 999),
)
@settings(max_examples=60)
def test_exact_sorts_the_first_candidates_by_their_inner_products(
    unit, candidates, material, random_lists, n, q, gaps, c, seed
):
    rng = np.random.default_rng(seed)
    vectors, queries = unit(n, 6, seed), unit(q, 6, seed + 1)
    positions = np.stack([rng.permutation(n) for _ in range(q)])
    positions[:, n - min(gaps, n) :] = -1
    found, before = candidates(queries, positions), positions.copy()
    scores = inner_products(vectors, found, c)
    assert scores.shape == (q, min(c, n)) and scores.dtype == np.float32
    assert ((scores == -np.inf) == (positions[:, :c] < 0)).all()
    np.testing.assert_array_equal(reorder(found, scores, c), _slow(vectors, found, c))
    np.testing.assert_array_equal(found.positions, before)


def test_equal_items_keep_the_order_of_the_first_stage(unit, candidates):
    vectors = np.repeat(unit(1, 512), 5, axis=0)
    found = candidates(vectors[:1], np.array([[3, 1, 4, 0, 2]]))
    np.testing.assert_array_equal(reorder(found, inner_products(vectors, found, 5), 5), found.positions)


def test_blocks_make_no_difference(random_lists, monkeypatch):
    lists = random_lists(q=17, gaps=2)
    whole = inner_products(lists.vectors, lists.found, 7)
    monkeypatch.setattr(order, "BLOCK", 4)
    np.testing.assert_array_equal(inner_products(lists.vectors, lists.found, 7), whole)


def test_with_every_item_a_candidate_it_is_exhaustive_search(unit, candidates, material, random_lists):
    lists = random_lists(q=25, n=60, k=60)
    score = exact.prepare(Params(kind="exact", candidates=1000), material(lists, unit(1, 12)))
    exhaustive = np.argsort(-(lists.found.queries @ lists.vectors.T), axis=1)
    np.testing.assert_array_equal(reorder(lists.found, score(lists.found), 1000), exhaustive)


def test_vectors_may_lie_in_a_store(random_lists):
    class Store:
        def __init__(self, vectors):
            self.vectors = vectors.astype(np.float16)

        def rows(self, positions):
            return self.vectors[positions].astype(np.float32)

    lists = random_lists(gaps=2)
    assert vectors_at(Store(lists.vectors), lists.found.positions).shape == (30, 8, 12)
    stored = inner_products(Store(lists.vectors), lists.found, 8)
    np.testing.assert_allclose(stored, inner_products(lists.vectors, lists.found, 8), atol=2e-3)


def test_quality_equals_the_obvious_count(random_lists):
    lists = random_lists(q=40, k=30, n=60, gaps=3)
    scores = inner_products(lists.vectors, lists.found, 20)
    ranks = []
    for row, placed in enumerate(reorder(lists.found, scores, 20)[:, :20]):
        right = set(lists.found.positions[row][lists.found.relevant[row]].tolist())
        ranks.append(next((i + 1 for i, position in enumerate(placed) if position in right), np.inf))
    expected = Quality(np.mean([1 / rank for rank in ranks]), np.mean([rank <= 10 for rank in ranks]))
    assert quality(lists.found, scores) == pytest.approx(expected)
    assert np.inf in ranks


def test_the_best_way_has_the_larger_mrr_and_the_first_of_equals_stays(unit, candidates):
    relevant = np.array([[False, True, False]])
    found = candidates(unit(1, 4), np.array([[0, 1, 2]]), relevant=relevant)
    ways = {
        "third": [2.0, 0.0, 1.0],
        "second": [0.0, 1.0, 2.0],
        "first": [0.0, 2.0, 1.0],
        "too": [0.0, 9.0, 1.0],
    }
    assert best_of(ways, lambda way: np.array([ways[way]], np.float32), found) == "first"


def test_kinds_say_what_they_are():
    for kind in registry.kinds("reranking"):
        module = registry.load("reranking", kind)
        assert {type(getattr(module, name)) for name in ("TRAINED", "TRANSDUCTIVE", "NEEDS_TOKENS")} == {bool}
        assert "candidates" in registry.kind_class("reranking", kind).model_fields
    assert registry.load("reranking", "csls").TRANSDUCTIVE


def test_a_missing_file_is_named(material, random_lists, unit):
    with pytest.raises(UserError, match="stage vectors: needs a file weights, has config"):
        material(random_lists(), unit(1, 12), files={"config": "c"}).file("vectors", "weights")
