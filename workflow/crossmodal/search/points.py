"""Operating points: how far an index looks for a query, chosen on validation queries and never by a clock."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

import faiss
import numpy as np

from crossmodal import registry
from crossmodal.models.embeddings import Vectors
from crossmodal.search.settings import IndexParameters
from crossmodal.search.store import Positions

if TYPE_CHECKING:
    from crossmodal.search.searcher import Searcher

K_FACTORS = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0, 50.0, 100.0)
PAGE = 4096  # bytes: what reading one row of a memory-mapped file moves at least


@dataclass(frozen=True, slots=True)
class Point:
    """How far an index looks; None where its kind has no such thing."""

    nprobe: int | None = None
    """Inverted lists that a query looks into."""
    ef_search: int | None = None
    """Candidates that a graph keeps."""
    k_factor: float = 1.0
    """Candidates refined for each result asked for; 1 changes nothing but their order."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The operating point that was chosen, and what was seen on the way."""

    chosen: Point
    reached: bool
    """Whether it has the target recall on the queries it was chosen on; it has the best recall otherwise."""
    recall: float
    curve: list[dict[str, Any]]
    """Of each point that was tried its settings, `recall`, `cost` in bytes and `distances`."""


def points_of(params: IndexParameters, count: int) -> list[Point]:
    """Return the candidates for the operating point of an index of `count` items, cheap first."""
    kind = registry.load("search", params.kind)
    found: list[Point] = (
        kind.points(params, count) if hasattr(kind, "points") else with_refinement(params, [Point()])
    )
    return found


def with_refinement(params: IndexParameters, points: Iterable[Point]) -> list[Point]:
    """Return `points`, each with every number of refined candidates where the index is refined."""
    factors = (params.k_factor,) if params.k_factor else K_FACTORS
    factors = factors if params.refinement else (1.0,)
    return [replace(point, k_factor=factor) for point in points for factor in factors]


def choose_point(
    searcher: "Searcher", exact_ids: Positions, queries: Vectors, target: float, points: Sequence[Point]
) -> Choice:
    """Return the cheapest of `points` whose recall@k reaches `target` on `queries`, float32 [q, d].

    `exact_ids` int64 [q, k] are the results of exhaustive search, whose k is that of the recall. Points are given
    cheap first; wider ones are not tried once even the least refined of them costs more than one that will do (a
    target above 1 tries all). Where none reaches the target the best recall is chosen, and of equal ones the
    cheapest. The cost is deterministic: bytes read for a query, namely the codes and centroids that it is
    compared with, and a page (4096 bytes) for each refined vector. The recall of a refined point is the share of
    the results among its candidates, as an exact order would have it; that of the chosen one is measured, with
    its vectors as they are stored, and where rounding leaves it short one with better candidates is taken. The
    searcher is left at the chosen point.
    """
    k = exact_ids.shape[1]
    tried: list[tuple[Point, float, float]] = []
    curve: list[dict[str, Any]] = []
    for _, group in groupby(points, key=lambda p: (p.nprobe, p.ef_search, p.ef_search and p.k_factor)):
        members = list(group)
        searcher.point = members[-1]
        reset_statistics()
        found = searcher.candidates(queries, max(_refined(members[-1], k), k))[1]
        distances, scanned = work(searcher.index, len(queries))
        costs = [scanned + PAGE * _depth(searcher, point, k) for point in members]
        if any(recall >= target and cost < min(costs) for _, cost, recall in tried):
            break
        for point, cost in zip(members, costs, strict=True):
            refined = _depth(searcher, point, k)
            recall = _recall(found[:, : refined or k], exact_ids)
            tried.append((point, cost, recall))
            curve.append(asdict(point) | {"recall": recall, "cost": cost, "distances": distances + refined})
    return _confirmed(searcher, exact_ids, queries, target, tried, curve)


def _confirmed(
    searcher: "Searcher", exact_ids: Positions, queries: Vectors, target: float,
    tried: list[tuple[Point, float, float]], curve: list[dict[str, Any]],
) -> Choice:  # fmt: skip
    """Return the cheapest of `tried` (point, cost, recall of its candidates) whose measured recall is `target`.

    By what rounding takes from one, the recall of the next one's candidates has to be higher.
    """
    good = sorted((entry for entry in tried if entry[2] >= target), key=lambda entry: entry[1])
    needed, best = 0.0, (-1.0, tried[0][0])
    for point, _, promised in good or [max(tried, key=lambda entry: (entry[2], -entry[1]))]:
        if promised < needed:
            continue
        searcher.point = point
        measured = _recall(searcher.search(queries, exact_ids.shape[1])[1], exact_ids)
        best = max(best, (measured, point), key=lambda pair: pair[0])
        if measured >= target:
            break
        needed = promised + target - measured
    searcher.point = best[1]
    return Choice(best[1], best[0] >= target, best[0], curve)


def _depth(searcher: "Searcher", point: Point, k: int) -> int:
    """Return how many vectors are refined for a query."""
    return min(searcher.count, _refined(point, k)) if searcher.store else 0


def _refined(point: Point, k: int) -> int:
    return int(np.ceil(k * point.k_factor))


def _recall(found: Positions, exact: Positions) -> float:
    """Return the mean share of each row of `exact` that is in the same row of `found`."""
    hits = (exact[:, :, None] == found[:, None, :]).any(axis=2) & (exact >= 0)
    return float((hits.sum(axis=1) / np.maximum((exact >= 0).sum(axis=1), 1)).mean())


def reset_statistics() -> None:
    """Let FAISS count from nothing."""
    counters: Any = faiss.cvar
    counters.indexIVF_stats.reset()
    counters.hnsw_stats.reset()


def work(index: Any, queries: int) -> tuple[float, float]:
    """Return what a query took since `reset_statistics`: distances computed and bytes read for them."""
    counters: Any = faiss.cvar
    graph = counters.hnsw_stats.ndis / queries
    try:
        inverted: Any = faiss.extract_index_ivf(index)
    except RuntimeError:
        inner = faiss.downcast_index(index)
        if isinstance(inner, faiss.IndexHNSW):
            return graph, graph * faiss.downcast_index(inner.storage).sa_code_size()
        return float(index.ntotal), float(index.ntotal * index.sa_code_size())
    coarse = graph or float(inverted.nlist)
    codes = counters.indexIVF_stats.ndis / queries
    return coarse + codes, 4.0 * inverted.d * coarse + inverted.code_size * codes
