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
    """Of each point that was tried its settings, `recall`, `cost` and `distances`, in the order of trying."""


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
    cheapest. The cost is deterministic: bytes read for a query, namely the codes and centroids that it is compared
    with, and a page (4096 bytes) for each refined vector. The searcher is left at the chosen point.
    """
    k = exact_ids.shape[1]
    curve: list[dict[str, Any]] = []
    tried: list[tuple[bool, float, float, Point]] = []
    for _, group in groupby(points, key=lambda p: (p.nprobe, p.ef_search, p.ef_search and p.k_factor)):
        members = list(group)
        searcher.point = members[-1]
        widest = min(searcher.count, _refined(members[-1], k))
        reset_statistics()
        found = searcher.candidates(queries, max(widest, k))[1]
        distances, scanned = work(searcher.index, len(queries))
        least = scanned + PAGE * (_refined(members[0], k) if searcher.store else 0)
        if any(reached and cost < least for reached, cost, _, _ in tried):
            break
        for point in members:
            refined = min(searcher.count, _refined(point, k)) if searcher.store else 0
            results = searcher.refine(queries, found[:, :refined], k)[1] if refined else found[:, :k]
            recall = _recall(results, exact_ids)
            cost = scanned + PAGE * refined
            tried.append((recall >= target, cost, recall, point))
            curve.append(asdict(point) | {"recall": recall, "cost": cost, "distances": distances + refined})
    good = [entry for entry in tried if entry[0]]
    best = min(good, key=lambda e: e[1]) if good else min(tried, key=lambda e: (-e[2], e[1]))
    searcher.point = best[3]
    return Choice(best[3], bool(good), best[2], curve)


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
