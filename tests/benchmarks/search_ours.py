"""Our ways to search, and exhaustive search: runs in the project's environment.

Beside the folder of an index lie, written by `search_data`, `validation.npy` (queries for the operating points)
and `validation_exact.npy` (what they should find).
"""

import json
import sys
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from peers_protocol import serve
from peers_systems import Opened, Point, Process, System

from crossmodal.registry import parse
from crossmodal.search import points
from crossmodal.search.build import build_index
from crossmodal.search.points import choose_point, points_of
from crossmodal.search.searcher import Searcher, read_index
from crossmodal.search.store import open_store, store_of, write_store

KINDS: dict[str, dict[str, Any]] = {
    "ours": {"kind": "ivf_pq", "m": 64},
    "ours, rotated": {"kind": "opq_ivf_pq", "m": 96, "dimensions": 384, "spread": 0.2},
    "ours, fast scan": {"kind": "ivf_pq", "m": 128, "bits": 4, "fast_scan": True},
    "ours, RaBitQ": {"kind": "ivf_rabitq", "bits": 1},
}
REFINED = {"refinement": {"precision": "float16"}}
TARGETS = (0.95, 0.99)
"""Recall@10 on validation queries that an operating point is chosen for."""
PROBES = (4, 8, 16, 32, 64, 128, 256, 512)
FACTORS = (2.0, 5.0, 15.0, 50.0)
"""Lists looked into and candidates refined for each result asked for: the points of the curve."""
TRIED = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 50.0)
"""Candidates refined for each result asked for, of which an operating point is chosen."""
SEED = 0


def _params(name: str) -> Any:
    return parse("search", KINDS[name] | REFINED)


def _searcher(name: str, folder: Path, point: points.Point) -> Searcher:
    store = open_store([folder / "vectors.npy"])
    return Searcher(read_index(folder / "index.faiss"), store, _params(name), point)


def build(name: str, vectors: np.ndarray, folder: Path, threads: int) -> None:
    """Build the index, write the vectors it refines with, choose its operating points for text queries."""
    faiss.omp_set_num_threads(threads)
    params, store = _params(name), store_of(vectors)
    build_index(store, params, SEED, folder / "index.faiss")
    write_store(folder / "vectors.npy", (block for _, block in store.blocks()), params.refinement.precision)
    queries, exact = (np.load(folder.parent / f"{name}.npy") for name in ("validation", "validation_exact"))
    candidates = [point for point in points_of(params, len(vectors)) if point.k_factor in TRIED]
    searcher = _searcher(name, folder, candidates[0])
    choice = choose_point(searcher, exact[:, :10], queries, max(TARGETS), candidates)
    (folder / "points.json").write_text(json.dumps(chosen_points(choice.curve)))


def chosen_points(curve: list[dict[str, Any]]) -> dict[str, Point]:
    """Return the cheapest point of `curve` for each target, or the one of best recall where none reaches it."""
    chosen = {}
    for target in TARGETS:
        reached = [row for row in curve if row["recall"] >= target]
        best = min(reached, key=lambda row: row["cost"]) if reached else max(curve, key=lambda r: r["recall"])
        label = f"{'for' if reached else 'best, short of'} {100 * target:.0f} %"
        chosen[label] = {name: best[name] for name in ("nprobe", "k_factor")}
    return chosen


def open_built(name: str, vectors: np.ndarray, folder: Path) -> Opened:
    """Open the index and the vectors memory-mapped, as the command line does."""
    faiss.omp_set_num_threads(1)
    named: dict[str, Point] = json.loads((folder / "points.json").read_text())
    searcher = _searcher(name, folder, points_of(_params(name), len(vectors))[0])
    lists = faiss.extract_index_ivf(searcher.index).nlist
    swept = [
        {"nprobe": probes, "k_factor": factor} for probes in PROBES if probes <= lists for factor in FACTORS
    ]

    def use(point: Point, k: int) -> None:
        searcher.point = points.Point(nprobe=int(point["nprobe"]), k_factor=point["k_factor"])

    return Opened(swept, named, use, lambda query, k: searcher.search(query[None], k)[1])


def _build_exact(vectors: np.ndarray, folder: Path, threads: int) -> None:
    """Nothing is built: the vectors are the index."""


def _open_exact(vectors: np.ndarray, folder: Path) -> Opened:
    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(np.asarray(vectors))
    return Opened([], {"exact": {}}, lambda point, k: None, lambda query, k: index.search(query[None], k)[1])


def _system(name: str) -> System:
    return System(
        ", ".join(f"{key} {value}" for key, value in KINDS[name].items()) + "; refined in float16 from disk",
        lambda vectors, folder, threads: build(name, vectors, folder, threads),
        lambda vectors, folder: open_built(name, vectors, folder),
    )


SYSTEMS = {name: _system(name) for name in KINDS} | {
    "exact": System("FAISS Flat, float32", _build_exact, _open_exact)
}

if __name__ == "__main__":
    serve(Process(SYSTEMS[sys.argv[1]]))
