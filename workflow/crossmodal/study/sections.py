"""The sections of params.yaml as typed values; study.py joins and cross-checks them."""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, model_validator

from crossmodal.experiments.robustness.threats import ThreatParameters
from crossmodal.parameters import Count, Name, Parameters
from crossmodal.registry import any_of
from crossmodal.search.settings import LatencyProtocol, RerankerParameters
from crossmodal.statistics.settings import EvaluationParameters
from crossmodal.study.configuration import merge
from crossmodal.training.adversary_settings import AdversaryParameters
from crossmodal.training.settings import TrainingParameters

if TYPE_CHECKING:
    AnyDataset = Any
    AnyShift = Any
    AnyModel = Any
    AnyMethod = Any
    AnyIndex = Any
else:  # unions over what the packages hold, so that a new kind needs no entry here
    AnyDataset, AnyShift, AnyModel = any_of("data"), any_of("shifts"), any_of("models")
    AnyMethod, AnyIndex = any_of("adaptation"), any_of("search")


class Pretraining(Parameters):
    """The base model: pretrained in the study, or named and fetched from a hub."""

    model: AnyModel
    datasets: list[Name] = []
    """Datasets whose train split the base model sees; empty for a model from a hub."""
    validation: Name | None = None
    """Dataset whose val split is watched, never chosen on; null for none."""
    seed: int = 0
    training: TrainingParameters | None = None
    """How it is trained; null for a model from a hub."""


class Cell(Parameters):
    """One named point of the grid: a method, how it is trained, against which adversary."""

    method: AnyMethod
    training: TrainingParameters
    """What is not given here is taken from adaptation.training."""
    adversary: AdversaryParameters | None = None
    dataset: Name | None = None
    """What this cell is adapted to: the target or one of evaluation.domains; null for the target."""
    seeds: list[int] | None = Field(default=None, min_length=1)
    """Training seeds of this cell; null for those of its group, or else the study's."""


class SeedGroup(Parameters):
    """Cells that share their training seeds."""

    cells: list[Name] = Field(min_length=1)
    seeds: list[int] = Field(min_length=1)


class Adaptation(Parameters):
    """The grid of cells, adapted to one target dataset unless they say otherwise."""

    dataset: Name
    """The target: train split for training, val for early stopping, test for the results."""
    training: TrainingParameters
    cells: dict[Name, Cell] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _inherit_training(cls, values: Any) -> Any:
        if not isinstance(values, dict) or not isinstance(values.get("cells"), dict):
            return values
        shared = values.get("training") or {}
        cells = {
            name: cell | {"training": merge(shared, cell.get("training") or {})}
            if isinstance(cell, dict)
            else cell
            for name, cell in values["cells"].items()
        }
        return values | {"cells": cells}


class Embeddings(Parameters):
    """Export of image and caption embeddings."""

    batch_size: Count = 256
    """Images or captions encoded at once."""


class Search(Parameters):
    """Approximate search over the target's gallery plus distractors."""

    cells: list[Name] = []
    """Cells whose embeddings are indexed (each with its first seed)."""
    distractors: list[Name] = []
    """Datasets whose train images join the gallery, less those that show what a query asks for."""
    indexes: dict[Name, AnyIndex] = {}
    latency: LatencyProtocol = LatencyProtocol()


class Reranking(Parameters):
    """The cross-attention re-ranker over an index's candidates."""

    indexes: list[Name] = []
    """Indexes that get a re-ranker."""
    model: RerankerParameters = RerankerParameters()


class Encoders(Parameters):
    """What encoding costs: cells side by side in one process, merged and unmerged."""

    cells: list[Name] = []
    """Cells whose encoders are measured; empty for none."""
    repeats: Count = 100
    """Timed calls of each encoder with one item, after a tenth as many to warm up."""
    batch_size: Count = 64
    """Items in a batch, for throughput and memory."""
    batch_repeats: Count = 10
    """Timed calls of each encoder with a batch."""


class Attacks(ThreatParameters):
    """Retrieval under attack on the target's test split."""

    cells: list[Name] = []
    """Cells that are attacked; empty for none."""
    every_seed: bool = False
    """Whether each seed of a cell is attacked, or its first one only."""


class Evaluation(Parameters):
    """What is evaluated beside the target's test split, and the statistics."""

    domains: list[Name] = []
    """Further datasets whose test split every cell is evaluated on, as they are."""
    shifts: list[Name] = []
    """Shifts applied to the target's test split."""
    statistics: EvaluationParameters = EvaluationParameters()
    encoders: Encoders = Encoders()
    attacks: Attacks = Attacks()


class Report(Parameters):
    """The report page."""

    gallery_cell: Name
    """Cell whose retrieved images are shown."""


class Compute(Parameters):
    """What jobs ask a cluster for beside what their rules say; never part of what they compute."""

    gpus_per_job: Annotated[int, Field(ge=0, le=1)] = 0
    """GPUs that a training or embedding job asks for (it computes on one device); never part of a spec."""
