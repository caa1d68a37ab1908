"""Parameters of H3: what is searched, by which indexes, with which re-ranker."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from crossmodal.parameters import Check, Count, Name, Parameters
from crossmodal.registry import any_of
from crossmodal.reranking.vectors_params import Params as RerankerParameters
from crossmodal.search.settings import LatencyProtocol

if TYPE_CHECKING:
    from crossmodal.study.study import Study

    AnyIndex = Any
else:
    AnyIndex = any_of("search")

PLACE = 3
TITLE = "Search"
QUESTION = "Does a quantised index with a cross-attention re-ranker answer fast with little loss?"
KEY = "H3"
RERANK, EXACT = "rerank", "exact"
STAGES = {RERANK: "with re-ranker", EXACT: "with exact re-scoring"}
"""Second stages, which put the first candidates of an index in order: `<index>+<stage>` is a way to search."""


class Reranking(Parameters):
    """The cross-attention re-ranker over an index's candidates."""

    indexes: list[Name] = []
    """Indexes that get a re-ranker."""
    model: RerankerParameters = RerankerParameters()


class Rescoring(Parameters):
    """Exact re-scoring of an index's candidates: what re-ranking is worth beside it is what it learnt."""

    indexes: list[Name] = []
    """Indexes whose candidates are also put in the order of their exact inner products."""
    candidates: Count | None = None
    """Items of the first stage that are put in order; null for as many as the re-ranker's."""


class Params(Parameters):
    """Search over the target's gallery plus distractors. Null claims nothing."""

    cells: list[Name] = []
    """Cells whose embeddings are indexed (each with its first seed)."""
    distractors: list[Name] = []
    """Datasets whose train images join the gallery, less those that show what a query asks for."""
    own_style: bool = True
    """The target's own images of earlier splits join it too (train for val, train and val for test), less those
    that show what a query asks for: without them every distractor is of another dataset than every answer."""
    indexes: dict[Name, AnyIndex] = {}
    latency: LatencyProtocol = LatencyProtocol()
    reranking: Reranking = Reranking()
    rescoring: Rescoring = Rescoring()
    cell: Name | None = None
    """Cell that the claims are about; null for the first of `cells`."""
    index: Name | None = None
    """Index of the claims, used with its re-ranker."""
    exhaustive: Name | None = None
    """Index of exhaustive search, which the loss of the others is measured against."""

    def pipelines(self) -> list[str]:
        """Return the ways to search that are measured: each index, alone and with each of its second stages."""
        staged = {EXACT: self.rescoring.indexes, RERANK: self.reranking.indexes}
        return [
            *self.indexes,
            *(with_stage(index, stage) for stage, indexes in staged.items() for index in indexes),
        ]

    def rescored(self) -> int:
        """Return how many candidates exact re-scoring puts in order."""
        return self.rescoring.candidates or self.reranking.model.candidates


def with_stage(index: str, stage: str) -> str:
    """Return the way to search by `index` and then `stage`; names of indexes hold no plus sign."""
    return f"{index}+{stage}"


def index_of(pipeline: str) -> str:
    """Return the index of a way to search."""
    return pipeline.partition("+")[0]


def stage_of(pipeline: str) -> str:
    """Return the second stage of a way to search, a key of STAGES; empty for an index alone."""
    return pipeline.partition("+")[2]


def checks(params: Params, study: "Study") -> Iterator[Check]:
    """Yield what must exist for `params` to make sense."""
    cells = study.adaptation.cells
    yield Check("cells", params.cells, cells, "cell")
    yield Check("distractors", params.distractors, study.datasets, "dataset")
    yield Check("reranking.indexes", params.reranking.indexes, params.indexes, "index")
    yield Check("rescoring.indexes", params.rescoring.indexes, params.indexes, "index")
    yield Check("cell", [params.cell], params.cells, "cell that is searched")
    yield Check("index", [params.index], params.indexes, "index")
    flat = [name for name, index in params.indexes.items() if index.kind == "flat"]
    yield Check("exhaustive", [params.exhaustive], flat, "index of kind flat")


def datasets(params: Params) -> list[str]:
    """Return the datasets that this experiment reads beside those that every cell is evaluated on."""
    return params.distractors if params.cells else []
