"""Parameters of continual learning: which updates learn which classes, session after session, and how."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, model_validator

from crossmodal.data.classes import Template
from crossmodal.experiments.continual.learning_params import CONTINUAL, JOINT, Cell, Learnt, SessionTraining
from crossmodal.parameters import Check, Name, Names, Parameters, Seeds, inherit
from crossmodal.statistics.names import CHANCE

if TYPE_CHECKING:
    from crossmodal.study.study import Study

PLACE = 3.85
TITLE = "Continual learning"
QUESTION = "Does a structured low-rank update learn new classes and forget less?"
KEY = "LoRSU"
ROLES = ("cell", "baseline", "random", "again")
BEFORE = "before"
"""Stands where a cell does in gains over the base model."""


class Retention(Parameters):
    """What an update must not spoil."""

    datasets: Names = []
    """Datasets whose test images are classified, among their own classes, before and after."""
    retrieval: bool = True
    """Whether captions and images of the study's target are searched before and after."""


class Params(Learnt):
    """What is learnt and what is forgotten where classes come in sessions, a few images of each, without
    replay?"""

    prompts: Annotated[list[Template], Field(min_length=1)] = ["{}"]
    """What stands for a class, with {} in the place of its name: the mean of their embeddings classifies."""
    orders: Seeds = [0]
    """Repetitions, each a seed of its own for classes of sessions, shots and training."""
    training: SessionTraining = SessionTraining()
    """What every cell starts from."""
    cells: dict[Name, Cell] = {}
    """Updates by name."""
    offline: Names = []
    """Cells that also learn all classes in one session."""
    joint: bool = False
    """Whether after each session each cell also learns, from the base model, all classes so far: an upper
    bound."""
    retention: Retention = Retention()
    shifts: Names = []
    """Shifts of images under which the test images are classified too."""
    cell: Name | None = None
    """The update that the claims are about."""
    baseline: Name | None = None
    """Low-rank updates of the same budget."""
    random: Name | None = None
    """Updates of the same size, chosen at random."""
    again: Name | None = None
    """Another run of the baseline: what differs between the two is no method's (an A/A row)."""

    @model_validator(mode="before")
    @classmethod
    def _inherit_training(cls, values: Any) -> Any:
        return inherit(values, "training", "cells")

    @model_validator(mode="after")
    def _classes_once(self) -> Self:
        named = [name for own in self.classes for name in own]
        if twice := next((name for name in named if named.count(name) > 1), None):
            raise ValueError(f'classes: "{twice}" stands in two places; each class is learnt in one session')
        if any(not own for own in self.classes) or any(not name.strip() for name in named):
            raise ValueError("classes: a session without classes, or a class without a name")
        return self

    @model_validator(mode="after")
    def _roles_are_cells(self) -> Self:
        for role in ROLES:
            name = getattr(self, role)
            if name is not None and name not in self.cells:
                raise ValueError(f"{role}: {name} is none of the cells {', '.join(self.cells) or '(none)'}")
        if self.again is not None:
            one, other = self.cells[self.again], self.cells.get(self.baseline or "")
            same = other and other.model_copy(update={"repeat": one.repeat})
            if other is None or one.repeat == other.repeat or one != same:
                raise ValueError(f"again: {self.again} must be the baseline with another repeat")
        if self.cell is not None:
            own = self.cells[self.cell]
            for role, kind in (("baseline", "lora"), ("random", "random")):
                name = getattr(self, role)
                if name is not None and (problem := _unlike(own, self.cells[name], kind)):
                    raise ValueError(f"{role}: {name} {problem}")
        if strange := [name for name in self.offline if name not in self.cells]:
            raise ValueError(
                f"offline: {strange[0]} is none of the cells {', '.join(self.cells) or '(none)'}"
            )
        for name, cell in self.cells.items():
            if name in (CHANCE, BEFORE):
                raise ValueError(f"cells: {name} is a name that numbers use otherwise")
            if strange := [o for o in cell.over if o not in self.cells or self.cells[o].model != cell.model]:
                raise ValueError(f"cells.{name}.over: {strange[0]} is no cell of the same model")
        return self

    def over(self, cell: str) -> list[str]:
        """Return the cells that gains of `cell` are counted over: the roles of its model, and its own."""
        own = self.cells[cell]
        roles = [name for name in (self.baseline, self.random) if name]
        same = [name for name in roles if name != cell and self.cells[name].model == own.model]
        return list(dict.fromkeys([*same, *own.over]))

    def orders_of(self, cell: str) -> list[int]:
        """Return the orders of a cell, its own or those of all."""
        own = self.cells[cell].orders
        return self.orders if own is None else own

    def plans(self) -> dict[str, list[int]]:
        """Return by plan after which sessions a cell is looked at."""
        every = list(range(1, self.count() + 1))
        return {CONTINUAL: every, JOINT: every if self.joint else every[-1:]}

    def plans_of(self, cell: str) -> list[str]:
        """Return the plans that a cell learns by."""
        return [CONTINUAL, JOINT] if self.joint or cell in self.offline else [CONTINUAL]


def _unlike(cell: Cell, other: Cell, kind: str) -> str | None:
    """Return why `other` is no update of that kind and of the size of `cell`, as the claims say, if so."""
    apart = {"kind", "scale"}  # a rate is no size
    size = cell.update.model_dump(exclude=apart)
    own = other.update.matches if kind == "lora" and other.update.kind == kind else other.update
    if other.update.kind != kind:
        return f"is of the kind {other.update.kind}, not {kind}"
    if own is not None and own.model_dump(exclude=apart) != size:
        return "is not of the size of the update that it is compared with"
    if (other.model, other.tower) != (cell.model, cell.tower):
        return "updates another model, or another tower"
    return None


def datasets(params: Params) -> list[str]:
    """Return the datasets that its jobs read."""
    return [*([params.dataset] if params.dataset else []), *params.retention.datasets]


def checks(params: Params, study: "Study") -> Iterator[Check]:
    """Yield what must exist for `params` to make sense: datasets, shifts of images, models, heads of these."""
    classified = [name for name, dataset in study.datasets.items() if dataset.has_classes()]
    learnt = {name for model in study.models.values() for name in (*model.datasets, model.validation)}
    new = [name for name in classified if name not in learnt]
    yield Check(
        "dataset", [params.dataset], new, "dataset with classes that no model of the study is trained on"
    )
    yield Check(
        "retention.datasets", params.retention.datasets, classified, "dataset whose labels are classes"
    )
    own = [params.dataset] if params.dataset in params.retention.datasets else []
    yield Check("retention.datasets", own, [], "other dataset than the one that is learnt")
    images = [name for name, shift in study.shifts.items() if shift.space == "images"]
    yield Check("shifts", params.shifts, images, "shift of images")
    used = study.used_models()
    for name, cell in params.cells.items():
        yield Check(f"cells.{name}.model", [cell.model], used, "model that some cell of adaptation adapts")
        model = model_of(params, name, study)
        update = getattr(cell.update, "matches", None) or cell.update
        wanted = getattr(update, "heads", None)
        for tower, heads in _heads(study, model, cell.tower) if wanted else ():
            known = [str(count) for count in range(1, heads + 1)]
            what = f"number of heads of the {tower} tower of models.{model}"
            yield Check(f"cells.{name}.update.heads", [str(wanted)], known, what)


def model_of(params: Params, cell: str, study: "Study") -> str:
    """Return the base model of a cell, the study's first unless it names one."""
    return params.cells[cell].model or study.first_model()


def _heads(study: "Study", name: str, towers: str) -> Iterator[tuple[str, int]]:
    """Yield the towers of a model whose heads its configuration tells, open_clip's own, with how many each
    has."""
    model = study.models.get(name)
    if model is None or getattr(model, "teacher", None):
        return
    config = model.model_cfg()
    vision, text = config["vision_cfg"], config["text_cfg"]
    if towers != "text" and "timm_model_name" not in vision and isinstance(vision.get("layers", 12), int):
        yield "image", vision.get("width", 768) // vision.get("head_width", 64)
    if towers != "image" and not text.get("hf_model_name"):
        yield "text", text.get("heads", 8)
