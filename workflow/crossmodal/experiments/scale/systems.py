"""The ways to search that are measured at one size, ready to answer."""

import json
from collections.abc import Callable, Mapping, Sequence
from math import ceil
from pathlib import Path
from time import perf_counter
from typing import Any

import faiss
import numpy as np

from crossmodal import registry
from crossmodal.data.tables import read_table
from crossmodal.experiments.scale.params import EXACT, EXHAUSTIVE, HNSW, INDEX, RERANK, TOP
from crossmodal.models.embeddings import Vectors, read_embeddings
from crossmodal.registry import parse
from crossmodal.search.gallery import Candidates, Gallery
from crossmodal.search.points import Point
from crossmodal.search.searcher import Searcher, read_index
from crossmodal.search.store import Positions, VectorStore

Parts = dict[str, float]
"""Milliseconds by part: `search`, `refine`, `rerank`."""
Way = Callable[[Vectors], tuple[Positions, Parts]]
"""Queries float32 [q, d] in; the positions of the best TOP items int64 [q, <= TOP] and the times out."""


def open_searchers(
    indexes: Sequence[tuple[str, Any]], files: Sequence[Path], points: Sequence[Path], store: VectorStore
) -> dict[str, Searcher]:
    """Return by name the searcher of each index, at its operating point. `files` and `points` stand in that
    order.
    """
    found = {}
    for (name, values), file, chosen in zip(indexes, files, points, strict=True):
        params, point = parse("search", values), Point(**json.loads(chosen.read_text())["chosen"])
        exact = store if params.refinement else None
        found[name] = Searcher(read_index(file), exact, params, point)
    return found


def ways(
    names: Sequence[str],
    searchers: Mapping[str, Searcher],
    store: VectorStore,
    stage: Callable[[Vectors, Positions, Vectors], Positions] | None = None,
    candidates: int = TOP,
) -> dict[str, Way]:
    """Return each of the ways `names`; `stage` puts refined candidates in order, `candidates` of them."""
    main = searchers[INDEX]
    every: dict[str, Callable[[], Way]] = {
        INDEX: lambda: lambda queries: _alone(main, queries),
        f"{INDEX}+{EXACT}": lambda: lambda queries: _refined(main, queries, TOP)[1:],
        f"{INDEX}+{EXACT}+{RERANK}": lambda: lambda queries: _reranked(main, queries, stage, candidates),
        HNSW: lambda: lambda queries: _graph(searchers[HNSW], queries),
        EXHAUSTIVE: lambda: _exhaustive(store),
    }
    return {name: every[name]() for name in names}


def _alone(searcher: Searcher, queries: Vectors) -> tuple[Positions, Parts]:
    start = perf_counter()
    positions = searcher.candidates(queries, TOP)[1]
    return positions, {"search": _since(start)}


def _graph(searcher: Searcher, queries: Vectors) -> tuple[Positions, Parts]:
    start = perf_counter()
    positions = searcher.search(queries, TOP)[1]
    return positions, {"search": _since(start)}


def _refined(searcher: Searcher, queries: Vectors, k: int) -> tuple[Vectors, Positions, Parts]:
    """Return exact scores and positions of the best k; as many candidates are refined as the point says for
    TOP.
    """
    start = perf_counter()
    wanted = max(k, ceil(TOP * searcher.point.k_factor))
    found = searcher.candidates(queries, wanted)[1]
    between = perf_counter()
    scores, positions = searcher.refine(queries, found, min(k, found.shape[1]))
    return scores, positions, {"search": 1e3 * (between - start), "refine": _since(between)}


def _reranked(searcher: Searcher, queries: Vectors, stage: Any, candidates: int) -> tuple[Positions, Parts]:
    scores, positions, parts = _refined(searcher, queries, candidates)
    start = perf_counter()
    ordered = stage(queries, positions, scores)[:, :TOP]
    return ordered, parts | {"rerank": _since(start)}


def _exhaustive(store: VectorStore) -> Way:
    """Return FAISS's own exhaustive search, all vectors in memory in single precision: the fastest there is."""
    flat = faiss.IndexFlatIP(store.dimension)
    for _, block in store.blocks():
        flat.add(block)

    def answer(queries: Vectors) -> tuple[Positions, Parts]:
        start = perf_counter()
        positions = flat.search(np.ascontiguousarray(queries), TOP)[1]
        return positions, {"search": _since(start)}

    return answer


def second_stage(
    values: Mapping[str, Any],
    store: VectorStore,
    labels: Sequence[str],
    bank: Path,
    files: Mapping[str, Path],
) -> Callable[[Vectors, Positions, Vectors], Positions]:
    """Return a stage of the experiment `search` over this gallery: it puts positions [q, k] in another order.

    `values` are its parameters, `bank` the training captions, `files` what it was trained to. Vectors are read
    from the store when they are asked for.
    """
    from crossmodal.reranking.material import Material
    from crossmodal.reranking.order import reorder
    from crossmodal.torch_setup import prepare_torch

    prepare_torch(1, 0)  # a query has one thread, and nothing is drawn

    params = parse("reranking", dict(values))
    gallery = Gallery([], list(labels), store, np.zeros(0, np.int64))  # type: ignore[arg-type]
    material = Material(gallery=gallery, bank=read_embeddings(bank).vectors, files=files)
    score = registry.load("reranking", params.kind).prepare(params, material)

    def order(queries: Vectors, positions: Positions, scores: Vectors) -> Positions:
        nothing = np.zeros(positions.shape, dtype=bool)
        found = Candidates(queries, positions, scores, nothing, np.arange(len(queries)))
        ordered: Positions = reorder(found, score(found), positions.shape[1])
        return ordered

    return order


def labels_of(items: Path, size: int) -> list[str]:
    """Return the labels of the real items of a gallery of `size`; drawn items, which have none, stand behind
    them.
    """
    labels: list[str] = read_table(items, ["label"]).column("label").to_pylist()[:size]
    return labels


def _since(start: float) -> float:
    return 1e3 * (perf_counter() - start)
