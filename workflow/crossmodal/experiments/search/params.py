"""Parameters of H3: what is searched, by which indexes, with which re-ranker."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from crossmodal.parameters import Check, Name, Parameters
from crossmodal.registry import any_of
from crossmodal.search.settings import LatencyProtocol, RerankerParameters

if TYPE_CHECKING:
    from crossmodal.study.study import Study

    AnyIndex = Any
else:
    AnyIndex = any_of("search")

PLACE = 3
TITLE = "Search"
QUESTION = "Does a quantised index with a cross-attention re-ranker answer fast with little loss?"
KEY = "H3"
RERANKED = "+rerank"
"""Ends the name of a pipeline that puts an index's candidates in order."""


class Reranking(Parameters):
    """The cross-attention re-ranker over an index's candidates."""

    indexes: list[Name] = []
    """Indexes that get a re-ranker."""
    model: RerankerParameters = RerankerParameters()


class Params(Parameters):
    """Search over the target's gallery plus distractors. Null claims nothing."""

    cells: list[Name] = []
    """Cells whose embeddings are indexed (each with its first seed)."""
    distractors: list[Name] = []
    """Datasets whose train images join the gallery, less those that show what a query asks for."""
    indexes: dict[Name, AnyIndex] = {}
    latency: LatencyProtocol = LatencyProtocol()
    reranking: Reranking = Reranking()
    cell: Name | None = None
    """Cell that the claims are about; null for the first of `cells`."""
    index: Name | None = None
    """Index of the claims, used with its re-ranker."""
    exhaustive: Name | None = None
    """Index of exhaustive search, which the loss of the others is measured against."""

    def pipelines(self) -> list[str]:
        """Return the ways to search that are measured: each index, and each index with its re-ranker."""
        return [*self.indexes, *(f"{name}{RERANKED}" for name in self.reranking.indexes)]


def index_of(pipeline: str) -> str:
    """Return the index of a way to search."""
    return pipeline.removesuffix(RERANKED)


def is_reranked(pipeline: str) -> bool:
    """Return whether a way to search has a re-ranker."""
    return pipeline.endswith(RERANKED)


def checks(params: Params, study: "Study") -> Iterator[Check]:
    """Yield what must exist for `params` to make sense."""
    cells = study.adaptation.cells
    yield Check("cells", params.cells, cells, "cell")
    yield Check("distractors", params.distractors, study.datasets, "dataset")
    yield Check("reranking.indexes", params.reranking.indexes, params.indexes, "index")
    yield Check("cell", [params.cell], params.cells, "cell that is searched")
    for role in ("index", "exhaustive"):
        yield Check(role, [getattr(params, role)], params.indexes, "index")


def datasets(params: Params) -> list[str]:
    """Return the datasets that this experiment reads beside those that every cell is evaluated on."""
    return params.distractors if params.cells else []
