"""Exact re-scoring against sorting one query at a time, and as exhaustive search where all are candidates."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings

from crossmodal import registry
from crossmodal.search import rescoring
from crossmodal.search.gallery import Candidates, assemble, find_candidates
from crossmodal.search.index import build_index, read_index
from crossmodal.search.rescoring import rescore


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
    candidates=st.integers(1, 50),
    seed=st.integers(0, 999),
)
@settings(max_examples=60)
def test_it_sorts_the_first_candidates_by_their_inner_products(unit, n, q, gaps, candidates, seed):
    rng = np.random.default_rng(seed)
    vectors, queries = unit(n, 6, seed), unit(q, 6, seed + 1)
    positions = np.stack([rng.permutation(n) for _ in range(q)])
    positions[:, n - min(gaps, n) :] = -1
    scores = np.zeros(positions.shape, np.float32)
    found = Candidates(queries, positions, scores, scores > 0)
    before = positions.copy()
    np.testing.assert_array_equal(rescore(vectors, found, candidates), _slow(vectors, found, candidates))
    np.testing.assert_array_equal(found.positions, before)


def test_equal_items_keep_the_order_of_the_first_stage(unit):
    vectors = np.repeat(unit(1, 4), 5, axis=0)
    positions = np.array([[3, 1, 4, 0, 2]])
    found = Candidates(vectors[:1], positions, np.zeros((1, 5), np.float32), positions < 0)
    np.testing.assert_array_equal(rescore(vectors, found, 5), positions)


def test_blocks_make_no_difference(unit, monkeypatch):
    vectors, queries = unit(30, 8), unit(17, 8, 1)
    positions = np.random.default_rng(0).permuted(np.tile(np.arange(30), (17, 1)), axis=1)
    found = Candidates(queries, positions, np.zeros((17, 30), np.float32), positions < 0)
    whole = rescore(vectors, found, 20)
    monkeypatch.setattr(rescoring, "BLOCK", 4)
    np.testing.assert_array_equal(rescore(vectors, found, 20), whole)


def test_with_every_item_a_candidate_it_is_exhaustive_search(unit, embeddings, tmp_path):
    vectors = unit(300, 16)
    gallery = assemble(embeddings(vectors, [str(i) for i in range(300)]), [])
    captions = embeddings(unit(25, 16, 1), [f"q{i}" for i in range(25)])

    def found(**params):
        kind = registry.parse("search", params)
        build_index(vectors, kind, 0, tmp_path / "index", tmp_path / "card", {})
        return find_candidates(read_index(tmp_path / "index", kind), gallery, captions, 300)

    exact = found(kind="flat").positions
    coarse = found(kind="ivf_pq", nlist=4, m=4, bits=4, nprobe=4)
    assert (coarse.positions != exact).any()
    np.testing.assert_array_equal(rescore(vectors, coarse, 300), exact)
