"""The libraries beside which search is measured, with their defaults: runs in their environment (peers.txt)."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from peers_protocol import serve
from peers_systems import Opened, Point, Process, System

EFFORTS = (10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
"""What is kept open at once in the search of a graph (efSearch): the points of its curve."""


def hnswlib(dimension: int) -> Any:
    import hnswlib

    index = hnswlib.Index("ip", dimension)
    index.set_num_threads(1)
    return index


def build_hnswlib(vectors: np.ndarray, folder: Path, threads: int) -> None:
    index = hnswlib(vectors.shape[1])
    index.init_index(len(vectors))
    index.add_items(vectors, num_threads=threads)
    index.save_index(str(folder / "index"))


def open_hnswlib(vectors: np.ndarray, folder: Path) -> Opened:
    index = hnswlib(vectors.shape[1])
    index.load_index(str(folder / "index"), max_elements=len(vectors))
    index.set_num_threads(1)

    def use(point: Point, k: int) -> None:
        index.set_ef(max(int(point["ef"]), k))

    # Its default, 10, is raised to k as its README asks.
    points = [{"ef": ef} for ef in EFFORTS]
    return Opened(points, {"default": {"ef": 10}}, use, lambda query, k: index.knn_query(query, k)[0])


def build_usearch(vectors: np.ndarray, folder: Path, threads: int) -> None:
    from usearch.index import Index

    index = Index(ndim=vectors.shape[1], metric="ip")
    index.add(np.arange(len(vectors)), vectors, threads=threads)
    index.save(str(folder / "index"))


def open_usearch(vectors: np.ndarray, folder: Path) -> Opened:
    from usearch.index import Index

    index = Index(ndim=vectors.shape[1], metric="ip")
    default = {"expansion": index.expansion_search}
    index.load(str(folder / "index"))

    def use(point: Point, k: int) -> None:
        index.expansion_search = max(int(point["expansion"]), k)

    points = [{"expansion": expansion} for expansion in EFFORTS]
    return Opened(points, {"default": default}, use, lambda query, k: index.search(query, k, threads=1).keys)


def build_scann(vectors: np.ndarray, folder: Path, threads: int) -> None:
    from scann import scann_ops_pybind

    builder = scann_ops_pybind.builder(vectors, 10, "dot_product").set_n_training_threads(threads)
    builder.autopilot().build().serialize(str(folder))


def open_scann(vectors: np.ndarray, folder: Path) -> Opened:
    from scann import scann_ops_pybind

    searcher = scann_ops_pybind.load_searcher(str(folder))
    settings = searcher.config()
    leaves = _number(settings, "num_children")
    default = {
        "leaves": _number(settings, "max_spill_centers"),
        "reordered": _number(settings, "approx_num_neighbors"),
    }
    chosen: Point = {}

    def use(point: Point, k: int) -> None:
        chosen.update(leaves=point["leaves"], reordered=max(point["reordered"], k))

    def search(query: np.ndarray, k: int) -> Any:
        return searcher.search(query, k, int(chosen["reordered"]), int(chosen["leaves"]))[0]

    shares = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3, 0.7)
    counts = sorted({max(1, round(share * leaves)) for share in shares})
    points = [{"leaves": count, "reordered": reordered} for count in counts for reordered in (100, 200, 400)]
    points.append(default)
    return Opened(points, {"default": default}, use, search)


def _number(settings: str, name: str) -> int:
    return int(settings.split(f"{name}:")[1].split()[0])


def build_glass(vectors: np.ndarray, folder: Path, threads: int) -> None:
    import glass

    glass.set_num_threads(threads)
    glass.Index("HNSW", "IP", "FP32", R=32, L=200).build(vectors).save(str(folder / "graph"))


def open_glass(vectors: np.ndarray, folder: Path, quantizer: str = "FP32", refined: str = "") -> Opened:
    import glass

    glass.set_num_threads(1)
    searcher = glass.Searcher(glass.Graph(str(folder / "graph")), np.array(vectors), "IP", quantizer, refined)
    searcher.set_ef(64)
    searcher.optimize(1)

    def use(point: Point, k: int) -> None:
        searcher.set_ef(max(int(point["ef"]), k))

    points = [{"ef": ef} for ef in EFFORTS]
    return Opened(points, {"default": {"ef": 64}}, use, lambda query, k: searcher.search(query, k)[0])


def open_glass_quantised(vectors: np.ndarray, folder: Path) -> Opened:
    return open_glass(vectors, folder, "SQ8U", "FP16")


def build_autofaiss(vectors: np.ndarray, folder: Path, threads: int) -> None:
    import faiss
    from autofaiss import build_index

    allowed = int((folder / "memory").read_text())
    index, infos = build_index(
        vectors, save_on_disk=False, max_index_memory_usage=f"{allowed / 1e6:.1f}MB",
        current_memory_available="12GB", nb_cores=threads, metric_type="ip",
    )  # fmt: skip
    faiss.write_index(index, str(folder / "index"))
    (folder / "infos.json").write_text(json.dumps(infos, default=float))


def open_autofaiss(vectors: np.ndarray, folder: Path) -> Opened:
    import faiss

    faiss.omp_set_num_threads(1)
    index = faiss.read_index(str(folder / "index"))
    infos = json.loads((folder / "infos.json").read_text())
    space = faiss.ParameterSpace()

    def named(text: str) -> Point:
        pairs = (pair.split("=") for pair in text.split(","))
        return {name: float(value) for name, value in pairs}

    def use(point: Point, k: int) -> None:
        space.set_index_parameters(index, ",".join(f"{name}={value:.0f}" for name, value in point.items()))

    default = named(infos["index_param"])
    swept = next(name for name in ("nprobe", "efSearch") if name in default)
    most = faiss.extract_index_ivf(index).nlist if swept == "nprobe" else max(EFFORTS)
    counts = [count for count in (1, 2, 4, *EFFORTS) if count <= most]
    points = [default | {swept: count} for count in counts]
    if swept == "nprobe" and "efSearch" in default:
        # The breadth of the graph over the lists, as autofaiss ties it to how many are looked into.
        points = [point | {"efSearch": 2 * point[swept]} for point in points]
    search = lambda query, k: index.search(query[None], k)[1]  # noqa: E731
    return Opened(points, {"default": default}, use, search, infos["index_key"])


SYSTEMS = {
    "hnswlib": System("M 16, ef_construction 200, float32", build_hnswlib, open_hnswlib),
    "usearch": System(
        "connectivity 16, expansion 128, its own choice of type: bfloat16", build_usearch, open_usearch
    ),
    "ScaNN": System("autopilot: tree, anisotropic codes, float32 kept", build_scann, open_scann),
    "Glass": System("HNSW R 32, L 200, float32, as its page shows", build_glass, open_glass),
    "Glass SQ8": System("the same graph, 8 bits, refined in float16", build_glass, open_glass_quantised),
    "autofaiss": System("the index it chooses for as much memory as ours", build_autofaiss, open_autofaiss),
}

if __name__ == "__main__":
    serve(Process(SYSTEMS[sys.argv[1]]))
