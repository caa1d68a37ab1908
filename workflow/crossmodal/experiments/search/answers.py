"""Answering queries in one gallery: by an index alone, or with what puts its candidates in another order."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossmodal import registry
from crossmodal.experiments.search.names import EXPAND, REFINE, Way
from crossmodal.experiments.search.sources import Sources
from crossmodal.models.embeddings import Vectors
from crossmodal.registry import parse
from crossmodal.reranking.material import Lists, Material
from crossmodal.reranking.order import inner_products, reorder
from crossmodal.search.cooccurrence import expand, neighbours
from crossmodal.search.exhaustive import exhaustive
from crossmodal.search.gallery import Candidates
from crossmodal.search.searcher import Searcher
from crossmodal.search.store import store_of

Positions = npt.NDArray[np.int64]
Order = Callable[[Candidates], Positions]
"""What an index found -> positions [q, k], best first."""

DEPTH = 100  # items of a list that is scored: what nDCG@100 looks at
TOP = 10  # items that a user is shown: what is timed and what recall of the index is about


@dataclass(frozen=True)
class Answering:
    """How one way to search answers: an index, and what follows it."""

    searcher: Searcher
    candidates: int
    """Items that the index is asked for."""
    part: str = ""
    """What the time of what follows is called: `refine` or `rerank`; empty for an index alone."""
    order: Order = lambda found: found.positions


class Place:
    """One gallery with its indexes and second stages, ready to answer."""

    def __init__(self, sources: Sources, gallery: str, validation: Lists | None, scratch: Path) -> None:
        """Take the gallery called `gallery`; `validation` is what stages are chosen by.

        What is written to be looked up in is written to the folder `scratch`.
        """
        self.sources, self.name, self.validation, self.scratch = sources, gallery, validation, scratch
        self.gallery = sources.gallery(gallery)
        self.searchers = {name: sources.searcher(gallery, name) for name, _ in sources.values["indexes"]}
        self.chosen: dict[str, Any] = {}
        """By stage its parameters, with what was chosen on validation lists."""
        self._scores: dict[str, Callable[[Candidates], Vectors]] = {}

    def answering(self, way: Way, queries: Vectors, asked: str) -> Answering:
        """Return how `way` answers the set of captions called `asked`.

        `queries` are all that will be asked: transductive stages look at them.
        """
        searcher = self.searchers[way.base]
        if not way.stage:
            return Answering(searcher, TOP)
        if way.stage == REFINE:
            wanted = math.ceil(TOP * searcher.point.k_factor)
            return Answering(searcher, wanted, "refine", self._refined(searcher, wanted))
        if way.stage == EXPAND:
            expansion = self.sources.values["expansion"]
            return Answering(searcher, expansion["candidates"] // 2, "refine", self._expanded(expansion))
        candidates = self.sources.values["stages"][way.stage]["candidates"]
        score = self.scoring(way.stage, queries, asked)
        part = "refine" if self.sources.values["stages"][way.stage]["kind"] == "exact" else "rerank"
        return Answering(searcher, candidates, part, lambda found: reorder(found, score(found), candidates))

    def scoring(self, stage: str, queries: Vectors, asked: str) -> Callable[[Candidates], Vectors]:
        """Return what scores candidates of this gallery; what does not depend on the queries is prepared once."""
        values = self.sources.values["stages"][stage]
        kind = registry.load("reranking", values["kind"])
        if stage in self._scores and not (kind.TRANSDUCTIVE or kind.NEEDS_TOKENS):
            return self._scores[stage]
        files = dict(self.sources.trained.get(stage, {}))
        if kind.NEEDS_TOKENS:
            files |= {"patches": self._patches, "words": self.sources.words[asked]}
        material = Material(
            self.gallery, self.sources.bank, self.validation, queries if kind.TRANSDUCTIVE else None, files,
            self.sources.pairs,
        )  # fmt: skip
        params = parse("reranking", values)
        if choose := getattr(kind, "choose", None):
            params = choose(params, material)
        self.chosen[stage] = params
        self._scores[stage] = kind.prepare(params, material)
        return self._scores[stage]

    def exact(self, queries: Vectors) -> Vectors:
        """Return the inner product of the tenth best item of exhaustive search for each query, float32 [q]."""
        k = min(TOP, len(self.gallery.ids))
        return exhaustive(self._store, queries, k)[0][:, -1]

    def found_share(self, queries: Vectors, positions: Positions, threshold: Vectors) -> Vectors:
        """Return which share of the exhaustive top ten the first ten of `positions` [q, >= 10] are, float32 [q].

        An item that scores as high as the tenth best (`threshold`) counts as one of the best, so that identical
        vectors cost nothing.
        """
        k = min(TOP, len(self.gallery.ids))
        found = Candidates(queries, positions[:, :k], *_unused(positions[:, :k]))
        good = inner_products(self.gallery.vectors, found, k) >= threshold[:, None] - 1e-6
        share: Vectors = good.mean(axis=1, dtype=np.float32) if good.shape[1] == k else good.sum(axis=1) / k
        return share

    @cached_property
    def _store(self) -> Any:
        return store_of(self.gallery.vectors)

    @cached_property
    def _patches(self) -> Path:
        path = self.scratch / f"{self.name}.npy"
        self.sources.gallery_patches(self.name, self.gallery, path)
        return path

    @cached_property
    def _graph(self) -> npt.NDArray[np.int32]:
        """The neighbours of each item: what training captions find together."""
        expansion = self.sources.values["expansion"]
        lists = exhaustive(self._store, self.sources.bank, expansion["found"])[1]
        graph: npt.NDArray[np.int32] = neighbours(lists, len(self.gallery.ids), expansion["degree"])
        return graph

    def _refined(self, searcher: Searcher, wanted: int) -> Order:
        def order(found: Candidates) -> Positions:
            head = found.positions[:, :wanted]
            _, best = searcher.refine(found.queries, head, head.shape[1])
            return np.concatenate([best, found.positions[:, wanted:]], axis=1)

        return order

    def _expanded(self, expansion: Mapping[str, Any]) -> Order:
        limit, graph = expansion["candidates"], self._graph

        def order(found: Candidates) -> Positions:
            half = expand(found.positions[:, : limit // 2], graph, limit)
            widened = replace(found, positions=half, relevant=half >= 0, scores=half.astype(np.float32))
            head = reorder(widened, inner_products(self.gallery.vectors, widened, limit), limit)
            tail = found.positions[:, limit // 2 :]
            return np.concatenate([head, without(tail, head)], axis=1)

        return order


def without(positions: Positions, others: Positions) -> Positions:
    """Return `positions` [q, k] without those that stand in the same row of `others`; -1 fills up the ends."""
    known = (positions[:, :, None] == others[:, None, :]).any(axis=2)
    order = np.argsort(known, axis=1, kind="stable")
    return np.take_along_axis(np.where(known, -1, positions), order, axis=1)


def _unused(positions: Positions) -> tuple[Vectors, npt.NDArray[np.bool_], Positions]:
    """Return scores, relevance and rows of candidates that nobody looks at."""
    rows = np.arange(len(positions), dtype=np.int64)
    return np.zeros(positions.shape, np.float32), np.zeros(positions.shape, bool), rows


def plain_candidates(queries: Vectors, scores: Vectors, positions: Positions, rows: Positions) -> Candidates:
    """Return what an index found for queries whose answers are not known."""
    return Candidates(queries, positions, scores, np.zeros(positions.shape, dtype=bool), rows)
