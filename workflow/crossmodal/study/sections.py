"""The sections of params.yaml that no experiment owns, as typed values; study.py joins and checks them."""

from typing import TYPE_CHECKING, Annotated, Any, Union

from pydantic import Field, create_model, model_validator

from crossmodal.parameters import Count, Name, Parameters, Seeds, inherit
from crossmodal.registry import any_of, kind_class, kinds
from crossmodal.training.adversary_settings import AdversaryParameters
from crossmodal.training.settings import TrainingParameters

if TYPE_CHECKING:
    AnyDataset = Any
    AnyShift = Any
    AnyMethod = Any
else:  # unions over what the packages hold, so that a new kind needs no entry here
    AnyDataset, AnyShift, AnyMethod = any_of("data"), any_of("shifts"), any_of("adaptation")


class BaseModel(Parameters):
    """What every base model has beside the parameters of its kind: how it is trained here, if it is."""

    datasets: list[Name] = []
    """Datasets whose train split it is trained on; empty for a model from a hub."""
    validation: Name | None = None
    """Dataset whose val split is watched; null for none. Nothing of aligned towers is chosen by it unless
    `alignment.result` says so; where a whole model is trained the best epoch on it is the result."""
    seed: int = 0
    training: TrainingParameters | None = None
    """How the whole model is trained; null where that is not done."""

    @model_validator(mode="after")
    def _trains_what_it_can(self) -> "BaseModel":
        if problem := self.trainable(bool(self.datasets), self.training is not None):  # type: ignore[attr-defined]
            raise ValueError(problem)
        return self

    def kind_parameters(self) -> dict[str, Any]:
        """Return the parameters of its kind alone, as a spec holds them."""
        return self.model_dump(mode="json", exclude=set(BaseModel.model_fields))


def _base_models() -> Any:
    """Return the type of a base model of any kind: one mapping has the kind's keys and those of BaseModel."""
    classes = tuple(
        create_model(f"{kind.title()}Model", __base__=(BaseModel, kind_class("models", kind)), __doc__=doc)
        for kind in kinds("models")
        if (doc := kind_class("models", kind).__doc__)
    )
    return Annotated[Union[classes], Field(discriminator="kind")]  # noqa: UP007 - built at run time


if TYPE_CHECKING:
    AnyModel = Any
else:
    AnyModel = _base_models()


class Cell(Parameters):
    """One named point of the grid: a method, how it is trained, against which adversary."""

    method: AnyMethod
    model: Name | None = None
    """The base model that it adapts; null for the study's first."""
    training: TrainingParameters
    """What is not given here is taken from adaptation.training."""
    adversary: AdversaryParameters | None = None
    dataset: Name | None = None
    """What this cell is adapted to: the target or one of evaluation.domains; null for the target."""
    seeds: Seeds | None = None
    """Training seeds of this cell; null for those of its group, or else the study's."""


class SeedGroup(Parameters):
    """Cells that share their training seeds."""

    cells: list[Name] = Field(min_length=1)
    seeds: Seeds


class Adaptation(Parameters):
    """The grid of cells, adapted to one target dataset unless they say otherwise."""

    dataset: Name
    """The target: train split for training, val for early stopping, test for the results."""
    training: TrainingParameters
    cells: dict[Name, Cell] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _inherit_training(cls, values: Any) -> Any:
        return inherit(values, "training", "cells")


class Embeddings(Parameters):
    """Export of image and caption embeddings."""

    batch_size: Count = 256
    """Images or captions encoded at once."""


class Subset(Parameters):
    """Queries of some groups of images."""

    groups: list[str] = Field(min_length=1)
    """The groups, as the dataset names them."""
    exclude: bool = False
    """Whether it is all other groups instead."""


class Evaluation(Parameters):
    """What every cell is evaluated on beside the target's test split."""

    domains: list[Name] = []
    """Further datasets whose test split every cell is evaluated on, as they are."""
    subsets: dict[Name, Subset] = {}
    """Parts of the target's test queries that have numbers of their own, gallery whole; those without queries, or
    with all of them, have none."""


class Report(Parameters):
    """The report page."""

    gallery_cell: Name
    """Cell whose retrieved images are shown."""


class Compute(Parameters):
    """What jobs ask a cluster for beside what their rules say; never part of what they compute."""

    gpus_per_job: Annotated[int, Field(ge=0, le=1)] = 0
    """GPUs that a training or embedding job asks for (it computes on one device); never part of a spec."""
