"""The operating point is the cheapest that reaches the target, by counted work."""

import numpy as np
import pytest

from crossmodal import registry
from crossmodal.search.build import fill_index, train_index
from crossmodal.search.exhaustive import exhaustive
from crossmodal.search.points import Point, choose_point, points_of
from crossmodal.search.searcher import Searcher
from crossmodal.search.store import store_of

IVF_PQ = {"kind": "ivf_pq", "nlist": 16, "m": 8, "bits": 6, "refinement": {}}
N = 1200


def searcher_of(values, vectors):
    params = registry.parse("search", values)
    index = fill_index(train_index(vectors, params, len(vectors), 0), [vectors])
    store = store_of(vectors) if params.refinement else None
    return Searcher(index, store, params, points_of(params, len(vectors))[0])


def recall(found, exact):
    return np.mean(
        [len(set(a) & set(b)) / len(b) for a, b in zip(found.tolist(), exact.tolist(), strict=True)]
    )


def test_the_choice_is_the_least_cost_that_reaches_the_target(unit):
    vectors, queries = unit(N, 16), unit(60, 16, 1)
    searcher = searcher_of(IVF_PQ, vectors)
    exact = exhaustive(store_of(vectors), queries, 10)[1]
    points = points_of(searcher.params, N)
    everything = choose_point(searcher, exact, queries, 1.1, points)
    assert not everything.reached and everything.recall == max(row["recall"] for row in everything.curve)
    assert len(everything.curve) == len(points)
    for row in everything.curve[::7]:
        searcher.point = Point(row["nprobe"], row["ef_search"], row["k_factor"])
        assert row["recall"] == pytest.approx(recall(searcher.search(queries, 10)[1], exact))
    choice = choose_point(searcher, exact, queries, 0.9, points)
    assert choice.reached and choice.recall >= 0.9 and searcher.point == choice.chosen
    good = [row for row in everything.curve if row["recall"] >= 0.9]
    least = min(good, key=lambda row: row["cost"])
    assert choice.chosen == Point(least["nprobe"], None, least["k_factor"])
    easy = choose_point(searcher, exact, queries, 0.3, points)
    assert easy.reached and len(easy.curve) < len(points), "what costs more than the choice is not tried"
    assert choose_point(searcher, exact, queries, 0.9, points) == choice, "no clock has a say"


def test_more_lists_and_more_refined_vectors_cost_more(unit):
    vectors, queries = unit(N, 16), unit(20, 16, 1)
    searcher = searcher_of(IVF_PQ, vectors)
    exact = exhaustive(store_of(vectors), queries, 10)[1]
    curve = choose_point(searcher, exact, queries, 1.1, points_of(searcher.params, N)).curve
    by_probe = [row["cost"] for row in curve if row["k_factor"] == 1]
    assert by_probe == sorted(by_probe) and len(set(by_probe)) == 8
    by_factor = [row["cost"] for row in curve if row["nprobe"] == 4]
    assert by_factor == sorted(by_factor)
    all_lists = curve[-1]
    assert all_lists["nprobe"] == 16 and all_lists["distances"] == 16 + N + 1000


@pytest.mark.parametrize(
    "values", [{"kind": "hnsw", "links": 8}, {"kind": "hnsw", "links": 8, "refinement": {}}]
)
def test_a_graph_is_searched_wider_until_it_finds(unit, values):
    vectors, queries = unit(N, 16), unit(60, 16, 1)
    searcher = searcher_of(values, vectors)
    exact = exhaustive(store_of(vectors), queries, 10)[1]
    choice = choose_point(searcher, exact, queries, 0.97, points_of(searcher.params, N))
    assert choice.reached and choice.chosen.ef_search >= 16 and choice.chosen.nprobe is None
    assert recall(searcher.search(queries, 10)[1], exact) == pytest.approx(choice.recall)
    assert 0 < choice.curve[0]["distances"] < N


def test_what_the_parameters_say_is_not_chosen():
    given = registry.parse("search", IVF_PQ | {"nprobe": 3, "k_factor": 5.0})
    assert points_of(given, N) == [Point(nprobe=3, k_factor=5.0)]
    assert points_of(registry.parse("search", {"kind": "hnsw", "ef_search": 77}), N) == [Point(ef_search=77)]
    assert points_of(registry.parse("search", {"kind": "flat"}), N) == [Point()]
    assert {p.nprobe for p in points_of(registry.parse("search", IVF_PQ | {"nlist": 100}), N)} == {
        1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 100,
    }  # fmt: skip
    assert {p.k_factor for p in points_of(registry.parse("search", IVF_PQ | {"refinement": None}), N)} == {
        1.0
    }


def test_rounding_of_the_stored_vectors_counts(unit):
    """Candidates may hold all results and their stored vectors put others first: such a point will not do."""
    vectors, queries = unit(N, 16), unit(60, 16, 1)
    searcher = searcher_of(IVF_PQ, vectors)
    searcher.store = store_of(np.round(vectors, 1))
    exact = exhaustive(store_of(vectors), queries, 10)[1]
    choice = choose_point(searcher, exact, queries, 0.99, points_of(searcher.params, N))
    assert max(row["recall"] for row in choice.curve) >= 0.99 > choice.recall and not choice.reached
    assert choice.recall == pytest.approx(recall(searcher.search(queries, 10)[1], exact))
