"""Parameters of H3 at size: how many items, from where, by which index, measured how. Free of torch and
FAISS.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import log2, sqrt
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, model_validator

from crossmodal.parameters import Check, Count, Name, Parameters, Positive
from crossmodal.registry import any_of
from crossmodal.search.settings import LEAST_PER_LIST, LatencyProtocol

if TYPE_CHECKING:
    from crossmodal.study.study import Study

    AnyIndex = Any
else:
    AnyIndex = any_of("search")

PLACE = 3.5
TITLE = "Search at scale"
QUESTION = "What do time, memory and loss of search become as the gallery grows to ten million items?"
KEY = "H3"
INDEX, EXACT, RERANK = "index", "exact", "rerank"
HNSW, EXHAUSTIVE = "hnsw", "exhaustive"
AGAIN = "again"
"""What stands behind the name of the system that is timed twice."""
TOP = 10
"""Items that a user is shown: what is timed, and what recall is about."""
PROMISED = 10_000_000
"""Items that the claims are about."""


@dataclass(frozen=True, slots=True)
class Shard:
    """Rows of the gallery that one job makes and searches: [first, first + count)."""

    first: int
    count: int


class Params(Parameters):
    """A gallery that grows: the target's test images, then real distractors, then vectors drawn from a
    density.
    """

    cell: Name | None = None
    """Cell whose embeddings are searched, with its first seed; null measures nothing."""
    sizes: Annotated[list[Count], Field(min_length=1)] = [10_000]
    """Items of the gallery, rising; a smaller gallery is the beginning of the next."""
    sources: list[Name] = []
    """Datasets whose train images are the real distractors, in random order, less those that show what a query
    asks for. What is missing to a size is drawn from a density fitted to all of them (search/density.py)."""
    shard: Count = 250_000
    """Items at most that one job draws, searches exhaustively or adds to an index."""
    index: AnyIndex | None = None
    """The index of the claims, with exact refinement of its candidates; needed where there is a cell."""
    lists_per_root: Positive | None = None
    """Inverted lists of an index that names no number of them: so many times the root of the items, to the nearest
    power of two, and at most one for every 39 items. Null leaves it to the index's own rule, which is 4."""
    hnsw: AnyIndex | None = None
    """A graph index beside it."""
    hnsw_up_to: int = 0
    """Largest size at which that is built: it holds every vector in memory."""
    exhaustive_up_to: int = 0
    """Largest size at which exhaustive search is timed too. What it finds is known at every size."""
    target_recall: Annotated[float, Field(gt=0, le=1)] = 0.99
    """Share of the exhaustive top ten that the operating point is to find for validation captions."""
    reranker: Name | None = None
    """Stage of the experiment `search` that puts the refined candidates in order; null for none."""
    candidates: Count = 100
    """Items that a stage puts in order, and that are scored."""
    queries: Count | None = None
    """Captions of the test split, and as many of validation, that ask; drawn at random. Null for all."""
    latency: LatencyProtocol = LatencyProtocol()
    threads: Count = 1
    """Threads that train an index; everything else has one."""

    @model_validator(mode="after")
    def _sizes_rise(self) -> Self:
        if any(first >= second for first, second in pairwise(self.sizes)):
            raise ValueError(f"sizes {self.sizes} must rise")
        return self

    def shards(self) -> list[Shard]:
        """Return the shards in order; they end at every size, and those between two sizes are about equal."""
        found = []
        for start, end in pairwise([0, *self.sizes]):
            parts = -(-(end - start) // self.shard)
            cuts = [start + (end - start) * part // parts for part in range(parts + 1)]
            found += [Shard(first, last - first) for first, last in pairwise(cuts)]
        return found

    def shards_of(self, size: int) -> list[int]:
        """Return the numbers of the shards that make up the gallery of `size` items."""
        return [number for number, shard in enumerate(self.shards()) if shard.first < size]

    def index_at(self, size: int) -> Any:
        """Return the parameters of the index of a gallery of `size` items: with its number of lists."""
        if self.index is None or self.lists_per_root is None or getattr(self.index, "nlist", 1) is not None:
            return self.index
        near = 2 ** round(log2(self.lists_per_root * sqrt(size)))
        filled = 2 ** int(log2(max(size // LEAST_PER_LIST, 1)))
        return self.index.model_copy(update={"nlist": min(near, filled)})

    def kinds(self, size: int) -> list[str]:
        """Return which indexes there are at a size."""
        return [INDEX, *([HNSW] if self.hnsw and size <= self.hnsw_up_to else [])]

    def learns_from_captions(self) -> bool:
        """Return whether training captions take part in an index or in a re-ranker."""
        shares = [index.caption_share for index in (self.index, self.hnsw) if index]
        return bool(self.reranker or any(shares))

    def systems(self, size: int) -> list[str]:
        """Return the ways to search that are measured at a size: an index, and what is done with its
        candidates.
        """
        staged = [self.main()] if self.reranker else []
        timed = [EXHAUSTIVE] if size <= self.exhaustive_up_to else []
        return [INDEX, f"{INDEX}+{EXACT}", *staged, *self.kinds(size)[1:], *timed]

    def main(self) -> str:
        """Return the way to search that the claims are about."""
        return f"{INDEX}+{EXACT}+{RERANK}" if self.reranker else f"{INDEX}+{EXACT}"


def checks(params: Params, study: "Study") -> Iterator[Check]:
    """Yield what must exist for `params` to make sense."""
    yield Check("cell", [params.cell], study.adaptation.cells, "cell")
    yield Check("sources", params.sources, study.datasets, "dataset")
    stages = getattr(study.room("search"), "stages", {}) if "search" in study.rooms() else {}
    if params.cell:
        # The gallery's own files, in half precision, are what candidates are refined by.
        refinement = getattr(params.index, "refinement", None)
        precision = refinement.precision if refinement else "null"
        yield Check(
            "index.refinement.precision", [precision], ["float16"], "precision of the gallery's files"
        )
    yield Check("reranker", [params.reranker], stages, "stage of the experiment search")


def datasets(params: Params) -> list[str]:
    """Return the datasets that this experiment reads beside those that every cell is evaluated on."""
    return params.sources if params.cell else []


def variant(system: str, size: int) -> str:
    """Return the name, in number ids, of a way to search a gallery of `size` items."""
    return f"{system}@{size}"


def size_of(variant: str) -> int:
    """Return the items of the gallery that a variant is of."""
    return int(variant.rpartition("@")[2])


def system_of(variant: str) -> str:
    """Return the way to search that a variant is of."""
    return variant.rpartition("@")[0]
