"""A searcher gives the best items by exact score, never more than there are."""

import numpy as np
import pytest

from crossmodal import registry
from crossmodal.search.build import fill_index, train_index
from crossmodal.search.points import Point
from crossmodal.search.searcher import Searcher
from crossmodal.search.store import open_store, store_of, write_store


@pytest.fixture
def searcher(unit):
    vectors = unit(100, 16)
    params = registry.parse("search", {"kind": "ivf_pq", "nlist": 4, "m": 4, "bits": 4, "refinement": {}})
    index = fill_index(train_index(vectors, params, 100, 0), [vectors])
    return Searcher(index, store_of(vectors), params, Point(nprobe=4, k_factor=5.0))


def test_refined_scores_are_exact_and_fall(searcher, unit):
    queries = unit(9, 16, 1)
    scores, positions = searcher.search(queries, 6)
    assert scores.shape == positions.shape == (9, 6)
    assert scores.dtype == np.float32 and positions.dtype == np.int64
    exact = np.take_along_axis(queries @ searcher.store.rows(np.arange(100)).T, positions, axis=1)
    np.testing.assert_allclose(scores, exact, atol=1e-6)
    assert (np.diff(scores, axis=1) <= 0).all()
    coarse = searcher.candidates(queries, 30)[1]
    assert all(
        set(found) <= set(seen) for found, seen in zip(positions.tolist(), coarse.tolist(), strict=True)
    )


def test_there_are_never_more_results_than_items_and_nothing_is_last(searcher, unit):
    queries = unit(5, 16, 1)
    scores, positions = searcher.search(queries, 500)
    assert positions.shape == (5, 100) and (np.sort(positions, axis=1) == np.arange(100)).all()
    searcher.point = Point(nprobe=1)
    scores, positions = searcher.search(queries, 100)
    nothing = positions < 0
    assert (
        nothing.any()
        and (scores[nothing] == -np.inf).all()
        and (np.diff(nothing.astype(int), axis=1) >= 0).all()
    )
    assert (searcher.candidates(queries, 100)[0][searcher.candidates(queries, 100)[1] < 0] == -np.inf).all()


def test_equal_items_stand_in_their_order(unit):
    vectors = unit(6, 8)[[0, 1, 0, 2, 0, 3]]
    params = registry.parse("search", {"kind": "flat", "refinement": {}})
    index = fill_index(train_index(vectors, params, 6, 0), [vectors])
    found = Searcher(index, store_of(vectors), params, Point(k_factor=6.0)).search(vectors[:1], 3)[1]
    assert found.tolist() == [[0, 2, 4]]


@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_vectors_on_disk_refine_as_those_in_memory_but_for_rounding(searcher, unit, tmp_path, precision):
    queries = unit(9, 16, 1)
    write_store(tmp_path / "v.npy", [searcher.store.rows(np.arange(100))], precision)
    other = Searcher(searcher.index, open_store([tmp_path / "v.npy"]), searcher.params, searcher.point)
    np.testing.assert_allclose(other.search(queries, 6)[0], searcher.search(queries, 6)[0], atol=0.02)
