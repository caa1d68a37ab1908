"""The operating point at size: chosen on validation captions, among more refined candidates than elsewhere."""

import json
from pathlib import Path

import faiss
import numpy as np
import pytest

from crossmodal.experiments.scale import choose_point as job
from crossmodal.experiments.scale.asked import write_found
from crossmodal.experiments.scale.choose_point import FURTHER, further, settled
from crossmodal.experiments.scale.halves import open_halves
from crossmodal.experiments.scale.systems import open_searchers, ways
from crossmodal.models.embeddings import write_embeddings
from crossmodal.registry import parse
from crossmodal.search.build import build_index
from crossmodal.search.exhaustive import exhaustive
from crossmodal.search.points import Choice, Point, points_of
from crossmodal.search.store import open_store, write_store

INDEX = {"kind": "ivf_pq", "nlist": 16, "m": 4, "bits": 4, "refinement": {"precision": "float16"}}
N, D = 2000, 16


def unit(n: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(n, D))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of random vectors with its operating point, chosen on other captions than are asked."""
    faiss.omp_set_num_threads(1)
    folder = tmp_path_factory.mktemp("index")
    write_store(folder / "0.npy", [unit(1200, 0)], "float16")
    write_store(folder / "1.npy", [unit(800, 1)], "float16")
    store = open_store([folder / "0.npy", folder / "1.npy"])
    build_index(store, parse("search", INDEX), 0, folder / "index.faiss")
    ids = [str(i) for i in range(50)]
    write_embeddings(folder / "val.parquet", ids, ids, ids, unit(50, 2), {"model": "m"})
    halves = [exhaustive(open_store([folder / f"{i}.npy"]), unit(50, 2), 10) for i in range(2)]
    for i, (scores, positions) in enumerate(halves):
        write_found(folder / f"{i}.npz", {"val": (scores, positions + 1200 * i)})
    values = {"index": INDEX, "size": N, "target_recall": 0.95, "queries": None, "depth": 10}
    job.main(
        folder / "index.faiss", [folder / "0.npy", folder / "1.npy"], folder / "val.parquet",
        [folder / "0.npz", folder / "1.npz"], folder / "points.json",
        {"parameters": values, "seed": 0, "threads": 1},
    )  # fmt: skip
    return folder


def test_the_point_that_is_chosen_finds_what_it_is_to_find_for_other_captions(chosen: Path) -> None:
    points = json.loads((chosen / "points.json").read_text())
    assert points["reached"] and points["recall"] >= 0.95 and points["target"] == 0.95
    store = open_store([chosen / "0.npy", chosen / "1.npy"])
    files = ([chosen / "index.faiss"], [chosen / "points.json"])
    searchers = open_searchers([("index", INDEX)], *files, store)
    queries = unit(60, 3)
    exact = exhaustive(store, queries, 10)[1]
    found = ways(["index", "index+exact", "exhaustive"], searchers, store)
    shares = {}
    for name, way in found.items():
        positions, parts = way(queries)
        shares[name] = (exact[:, :, None] == positions[:, None, :]).any(axis=2).mean()
        assert all(value > 0 for value in parts.values())
        assert np.array_equal(np.concatenate([way(query[None])[0] for query in queries]), positions)
    assert shares["exhaustive"] == 1 and shares["index+exact"] > 0.9 > shares["index"]
    assert list(found["index+exact"](queries)[1]) == ["search", "refine"]


def test_rows_that_torch_converts_are_those_that_numpy_does(chosen: Path) -> None:
    paths = [chosen / "0.npy", chosen / "1.npy"]
    plain, fast = open_store(paths), open_halves(paths)
    places = np.random.default_rng(0).integers(0, N, size=(3, 40))
    assert np.array_equal(plain.rows(places), fast.rows(places))
    for (first, block), (start, other) in zip(plain.blocks(500), fast.blocks(500), strict=True):
        assert first == start and np.array_equal(block, other)
    write_store(chosen / "eight.npy", [unit(5, 0)], "int8")
    with pytest.raises(ValueError, match="half precision"):
        open_halves([chosen / "eight.npy"])


def test_a_second_stage_gets_refined_candidates_with_their_scores(chosen: Path) -> None:
    store = open_store([chosen / "0.npy", chosen / "1.npy"])
    files = ([chosen / "index.faiss"], [chosen / "points.json"])
    searchers = open_searchers([("index", INDEX)], *files, store)
    seen = []

    def backwards(queries: np.ndarray, positions: np.ndarray, scores: np.ndarray) -> np.ndarray:
        seen.append((positions, scores))
        return positions[:, ::-1]

    way = ways(["index+exact+rerank"], searchers, store, backwards, 30)["index+exact+rerank"]
    queries = unit(5, 3)
    ordered, parts = way(queries)
    [(positions, scores)] = seen
    assert positions.shape == (5, 30) and np.array_equal(ordered, positions[:, :-11:-1])
    assert np.allclose(scores[0], store.rows(positions[0]) @ queries[0], atol=1e-5)
    assert (np.diff(scores, axis=1) <= 0).all() and list(parts) == ["search", "refine", "rerank"]


def test_a_target_that_is_missed_is_not_missed_at_any_price() -> None:
    tried = [(1, 0.9, 10.0), (2, 0.9795, 20.0), (4, 0.98, 500.0), (8, 0.981, 900.0)]
    curve = [
        {"nprobe": n, "ef_search": None, "k_factor": 2.0, "recall": recall, "cost": cost}
        for n, recall, cost in tried
    ]
    missed = settled(Choice(Point(nprobe=8, k_factor=2.0), False, 0.981, curve))
    assert missed == Choice(Point(nprobe=2, k_factor=2.0), False, 0.9795, curve)
    reached = Choice(Point(nprobe=8, k_factor=2.0), True, 0.981, curve)
    assert settled(reached) is reached


def test_more_candidates_are_tried_where_they_are_refined() -> None:
    params = parse("search", INDEX)
    tried = list(further(points_of(params, N), params))
    for nprobe in {point.nprobe for point in tried}:
        own = [point.k_factor for point in tried if point.nprobe == nprobe]
        assert own == sorted(own) and tuple(own[-len(FURTHER) :]) == FURTHER
    graph = parse("search", {"kind": "hnsw"})
    assert list(further(points_of(graph, N), graph)) == points_of(graph, N)
    given = parse("search", INDEX | {"k_factor": 5.0})
    assert {point.k_factor for point in further([Point(nprobe=1, k_factor=5.0)], given)} == {5.0}
