"""NNN's correction as one more dimension is the formula, searched in any way."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from crossmodal import registry
from crossmodal.search.build import build_index, train_index
from crossmodal.search.exhaustive import exhaustive
from crossmodal.search.nnn import append_bias, append_one, nnn_bias, read_bias
from crossmodal.search.points import points_of
from crossmodal.search.searcher import Searcher, read_index
from crossmodal.search.store import store_of


def slow_scores(queries, vectors, captions, k, weight):
    """Return q.x - weight * mean of the k largest similarities of x to captions, one pair at a time."""
    scores = np.empty((len(queries), len(vectors)))
    for i, item in enumerate(vectors):
        nearest = sorted((float(item @ caption) for caption in captions), reverse=True)[:k]
        for j, query in enumerate(queries):
            scores[j, i] = float(query @ item) - weight * sum(nearest) / len(nearest)
    return scores


@given(
    n=st.integers(1, 30),
    b=st.integers(1, 20),
    k=st.integers(1, 25),
    weight=st.floats(0, 2),
    width=st.integers(1, 4),
)
@settings(max_examples=30)
def test_exhaustive_search_with_one_more_dimension_equals_the_formula(unit, n, b, k, weight, width):
    vectors, captions, queries = unit(n, 6), unit(b, 6, 1), unit(4, 6, 2)
    slow = slow_scores(queries, vectors, captions, k, weight)
    bias = nnn_bias(vectors, captions, k, weight)
    assert bias.dtype == np.float32 and bias.shape == (n,)
    longer = append_bias(vectors, bias, width), append_one(queries, width)
    np.testing.assert_allclose(longer[1] @ longer[0].T, slow, atol=1e-5)
    scores, positions = exhaustive(store_of(longer[0]), longer[1], n)
    np.testing.assert_allclose(scores, np.take_along_axis(slow, positions, axis=1), atol=1e-5)
    np.testing.assert_allclose(exhaustive(store_of(vectors), queries, n, bias)[0], scores, atol=1e-5)


def test_without_weight_nothing_is_corrected_and_blocks_make_no_difference(unit, monkeypatch):
    vectors, captions = unit(50, 6), unit(20, 6, 1)
    assert not nnn_bias(vectors, captions, 5, 0).any()
    whole = nnn_bias(vectors, captions, 5)
    monkeypatch.setattr("crossmodal.search.nnn.SIMILARITIES", 60)
    np.testing.assert_allclose(nnn_bias(store_of(vectors), captions, 5), whole, atol=1e-6)


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "flat"},
        {"kind": "ivf_pq", "nlist": 8, "m": 4, "bits": 6, "refinement": {}},
        {"kind": "ivf_pq", "nlist": 8, "m": 4, "bits": 4, "fast_scan": True, "refinement": {}},
        {"kind": "opq_ivf_pq", "nlist": 8, "m": 4, "bits": 4, "alternations": 2, "refinement": {}},
        {"kind": "ivf_rabitq", "nlist": 8, "bits": 4, "refinement": {}},
        {"kind": "hnsw", "links": 16},
    ],
)
def test_every_kind_of_index_holds_the_correction(unit, tmp_path, values):
    vectors, captions, queries = unit(400, 16), unit(60, 16, 1), unit(20, 16, 2)
    params = registry.parse("search", values | {"nnn": {"k": 10, "weight": 0.75}})
    store = store_of(vectors)
    card = build_index(store, params, 0, tmp_path / "i", bank=captions)
    assert card["nnn"] == {"k": 10, "weight": 0.75} and card["dimension"] == 16
    bias = read_bias(tmp_path / "bias.npy")
    kept = store if params.refinement else None
    searcher = Searcher(read_index(tmp_path / "i"), kept, params, points_of(params, 400)[-1], bias)
    scores, positions = searcher.search(queries, 10)
    exact = exhaustive(store, queries, 10, bias)
    hnsw = values["kind"] == "hnsw"
    assert (positions == exact[1]).mean() >= (0.9 if hnsw else 1)
    if not hnsw:
        np.testing.assert_allclose(scores, exact[0], atol=1e-5)


def test_the_correction_has_a_code_of_its_own():
    params = registry.parse("search", {"kind": "ivf_pq", "nlist": 2, "m": 4, "bits": 4, "nnn": {}})
    vectors = np.eye(16, dtype=np.float32).repeat(2, axis=0)
    index = train_index(vectors, params, 32, 0, bias=np.linspace(-1, 0, 32, dtype=np.float32))
    assert index.d == 20 and index.pq.M == 5
