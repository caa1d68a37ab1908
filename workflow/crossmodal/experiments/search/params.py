"""Parameters of H3: what is searched, by which indexes, with which second stages."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, model_validator

from crossmodal.experiments.search.names import CLEAN, ENCODE, EXPAND, OWN_STAGES, REFINE, Way, with_stage
from crossmodal.parameters import Check, Count, Name, Parameters, Share
from crossmodal.registry import any_of
from crossmodal.reranking.token_settings import TokenParameters
from crossmodal.search.settings import LatencyProtocol

if TYPE_CHECKING:
    from crossmodal.study.study import Study

    AnyIndex = Any
    AnyStage = Any
else:
    AnyIndex, AnyStage = any_of("search"), any_of("reranking")

PLACE = 3
TITLE = "Search"
QUESTION = "Does a quantised index with a cross-attention re-ranker answer fast with little loss?"
KEY = "H3"


class GalleryParameters(Parameters):
    """What is searched beside the target's own images of a split."""

    distractors: list[Name] = []
    """Datasets whose train images join, less those that show what a query asks for."""


class Expansion(Parameters):
    """Candidates expanded along a graph of what training captions found together (search/cooccurrence.py)."""

    indexes: list[Name] = []
    """Indexes whose candidates are also expanded: `<index>+expand`."""
    candidates: Count = 50
    """Items whose exact inner products are taken: half of them from the index, the rest their neighbours."""
    degree: Count = 8
    """Neighbours of an item in the graph, four bytes each."""
    found: Count = 10
    """Items of exhaustive search for a training caption that count as found together."""


class Params(Parameters):
    """Search over galleries of the study's own images. Null claims nothing."""

    cells: list[Name] = []
    """Cells whose embeddings are indexed (each with its first seed); they are adapted to the study's target."""
    runs: Count = 5
    """Times that indexes are built and re-rankers trained, each with a seed of its own: what intervals cover
    beside queries."""
    galleries: dict[Name, GalleryParameters] = {}
    """What is searched."""
    gallery: Name | None = None
    """Gallery of the claims. Its numbers have the plain names of ways, those of the others `<way>@<gallery>`.
    Null for the first in the order of names."""
    indexes: dict[Name, AnyIndex] = {}
    stages: dict[Name, AnyStage] = {}
    """Second stages, which put the first candidates of an index in another order."""
    pipelines: dict[Name, list[Name]] = {}
    """By index the second stages that it is followed by. Each index is measured alone as well and, where it has a
    refinement, with that (`<index>+refine`)."""
    expansion: Expansion | None = None
    tokens: TokenParameters = TokenParameters()
    """What is kept of an image beside its vector, for stages that see tokens."""
    folds: Annotated[int, Field(ge=2)] = 2
    """Parts of the target's training split: what a re-ranker learns from is embedded by a model that was trained
    on the other parts."""
    shifts: list[Name] = []
    """Shifts of captions under which the queries are asked as well, of those that `robustness` names."""
    target_recall: Share = 0.99
    """Share of the exhaustive top ten that operating points are to find, on validation queries."""
    latency: LatencyProtocol = LatencyProtocol()
    timed_gallery: Name | None = None
    """Gallery in which times are measured; null for that of the claims."""
    cell: Name | None = None
    """Cell that the claims are about; null for the first of `cells`."""
    index: Name | None = None
    """Index of the claims. What trained stages learn from, and are selected by, are its candidates."""
    stage: Name | None = None
    """Second stage of the claims."""
    exhaustive: Name | None = None
    """Index of exhaustive search, which the loss of the others is measured against."""

    @model_validator(mode="after")
    def _names_are_told_apart(self) -> Self:
        for name in OWN_STAGES:
            if name in self.stages:
                raise ValueError(
                    f'no stage can be called "{name}": that is a way to search by an index alone'
                )
        if ENCODE in self.indexes:
            raise ValueError(f'no index can be called "{ENCODE}": times of encoding queries have that name')
        if both := [name for name in self.shifts if name in self.galleries]:
            raise ValueError(f'"{both[0]}" is a gallery and a shift; name the gallery otherwise')
        return self

    def ways(self) -> list[str]:
        """Return the ways to search that are measured, in the order of tables: `<index>` or `<index>+<stage>`."""
        found = []
        for index, params in self.indexes.items():
            stages = [REFINE] if getattr(params, "refinement", None) else []
            stages += self.pipelines.get(index, [])
            stages += [EXPAND] if self.expansion and index in self.expansion.indexes else []
            found += [index, *(with_stage(index, stage) for stage in stages)]
        return found

    def used_stages(self) -> list[str]:
        """Return the second stages that some index is followed by, and the teachers of those that have one."""
        used = {stage for stages in self.pipelines.values() for stage in stages}
        used |= {str(getattr(self.stages[name], "teacher", "")) for name in used & self.stages.keys()}
        return [name for name in self.stages if name in used]

    def main_gallery(self) -> str:
        """Return the gallery of the claims; empty where there is none. A spec keeps no order of its names."""
        return self.gallery or min(self.galleries, default="")

    def timed(self) -> str:
        """Return the gallery in which times are measured."""
        return self.timed_gallery or self.main_gallery()

    def named(self, way: Way, gallery: str, shift: str = "") -> Way:
        """Return a way as its numbers are called in a gallery and under a shift (`clean` for none)."""
        return way._replace(
            gallery="" if gallery == self.main_gallery() else gallery, shift="" if shift == CLEAN else shift
        )


def checks(params: Params, study: "Study") -> Iterator[Check]:
    """Yield what must exist for `params` to make sense."""
    target = study.adaptation.dataset
    own = [name for name in study.adaptation.cells if study.target_of(name) == target]
    yield Check("cells", params.cells, own, "cell that is adapted to the target")
    for name, gallery in params.galleries.items():
        yield Check(f"galleries.{name}.distractors", gallery.distractors, study.datasets, "dataset")
    yield Check("pipelines", params.pipelines, params.indexes, "index")
    for index, stages in params.pipelines.items():
        yield Check(f"pipelines.{index}", stages, params.stages, "stage")
    for name, stage in params.stages.items():
        others = [other for other in params.stages if other != name]
        yield Check(f"stages.{name}.teacher", [getattr(stage, "teacher", None)], others, "other stage")
    if params.expansion:
        yield Check("expansion.indexes", params.expansion.indexes, params.indexes, "index")
    robustness: Any = getattr(study, "robustness", None)
    shifted = robustness.shifts if robustness else []
    texts = [name for name in shifted if name in study.shifts and study.shifts[name].space == "texts"]
    yield Check("shifts", params.shifts, texts, "shift of captions in robustness.shifts")
    if params.shifts and robustness.cells is not None:
        yield Check("cells", params.cells, robustness.cells, "cell of robustness.cells, which shifts go by")
    yield Check("gallery", [params.gallery], params.galleries, "gallery")
    yield Check("timed_gallery", [params.timed_gallery], params.galleries, "gallery")
    yield Check("cell", [params.cell], params.cells, "cell that is searched")
    yield Check("index", [params.index], params.indexes, "index")
    yield Check("stage", [params.stage], params.pipelines.get(params.index or "", []), "stage of that index")
    flat = [name for name, index in params.indexes.items() if index.kind == "flat"]
    yield Check("exhaustive", [params.exhaustive], flat, "index of kind flat")


def datasets(params: Params) -> list[str]:
    """Return the datasets that this experiment reads beside those that every cell is evaluated on."""
    names = [name for gallery in params.galleries.values() for name in gallery.distractors]
    return list(dict.fromkeys(names)) if params.cells else []


def earlier(values: dict[str, Any]) -> dict[str, Any]:
    """Return a section that an earlier version of this room published, in the words of this one.

    That had one gallery with everything in it, one re-ranker, and exact re-scoring.
    """
    if "reranking" not in values:
        return values
    indexes = {
        name: {key: index[key] for key in ("kind", "m") if key in index}
        for name, index in values["indexes"].items()
    }
    reranked, rescored = values["reranking"]["indexes"], values["rescoring"]["indexes"]
    return {key: values[key] for key in ("cells", "cell", "index", "exhaustive")} | {
        "galleries": {"mixed": {"distractors": values["distractors"]}},
        "indexes": indexes,
        "stages": {"exact": {"kind": "exact"}, "rerank": {"kind": "vectors"}},
        "pipelines": {
            name: ["exact"] * (name in rescored) + ["rerank"] * (name in reranked) for name in indexes
        },
        "stage": "rerank" if values["index"] in reranked else None,
    }
