"""Parameters of continual learning: which updates learn which classes, session after session, and how."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from crossmodal.data.classes import Template
from crossmodal.parameters import Check, Count, Name, NotNegative, Parameters, Positive, Seeds, Share
from crossmodal.registry import any_of

if TYPE_CHECKING:
    from crossmodal.study.study import Study

    AnyUpdate = Any
else:
    AnyUpdate = any_of("updates")

PLACE = 3.85
TITLE = "Continual learning"
QUESTION = "Does a structured low-rank update learn new classes and forget less?"
KEY = "LoRSU"
CONTINUAL, JOINT = "continual", "joint"
"""Session after session, each from the weights that the one before left; or from the base model on the data
of all sessions so far at once, which knows what a continual learner does not keep."""
ROLES = ("cell", "baseline", "random", "again")


class SessionTraining(Parameters):
    """How one session is trained."""

    epochs: Count = 5
    """Passes over the session's images."""
    batch_size: Count = 16
    """Images of a batch."""
    learning_rate: Positive = 1e-5
    """Highest learning rate of AdamW; it rises over the warm-up and falls to 0 along a cosine."""
    weight_decay: NotNegative = 0.01
    """Decoupled weight decay; biases have none."""
    warmup_share: Share = 0.1
    """Share of the steps over which the learning rate rises."""
    loss: Literal["clip", "classes"] = "clip"
    """clip: of images among the session's classes and of classes among a batch's images, as CLIP's; classes:
    the first of these alone."""
    threads: Count = 1
    """Threads on the CPU; part of the result's last bits."""


class Cell(Parameters):
    """An update, and how it is trained in each session."""

    update: AnyUpdate
    training: SessionTraining = SessionTraining()
    """What is not given here is taken from continual.training."""
    model: Name | None = None
    """The base model; null for the study's first."""
    tower: Literal["image", "text", "both"] = "image"
    """What is updated; the other tower stays the base model's."""
    repeat: Annotated[int, Field(ge=0)] = 0
    """Which run of the same it is: another one has other batches and other factors to begin with."""


class Retention(Parameters):
    """What an update must not spoil."""

    datasets: list[Name] = Field([], json_schema_extra={"uniqueItems": True})
    """Datasets with other classes, whose test images are classified before and after."""
    retrieval: bool = True
    """Whether captions and images of the study's target are searched before and after."""


class Params(Parameters):
    """What is learnt and what is forgotten where classes come in sessions, a few images of each, without
    replay?"""

    dataset: Name | None = None
    """A dataset whose labels are classes; null does nothing."""
    sessions: Count = 5
    """Sessions that the classes are dealt to, by a hash of class and order: no two share one."""
    classes: list[list[str]] = []
    """The classes of each session, in place of `sessions`; images of others are left out."""
    shots: Count = 5
    """Training images of each class, by a hash of image and order."""
    rare: Literal["refuse", "leave_out"] = "refuse"
    """What becomes of classes with fewer training images than `shots`: an error, or they are left out."""
    prompts: Annotated[list[Template], Field(min_length=1)] = ["{}"]
    """What stands for a class, with {} in the place of its name: the mean of their embeddings classifies."""
    orders: Seeds = [0]
    """Repetitions, each a seed of its own for classes of sessions, shots and training."""
    training: SessionTraining = SessionTraining()
    """What every cell starts from."""
    cells: dict[Name, Cell] = {}
    """Updates by name."""
    offline: bool = False
    """Whether each cell also learns all classes in one session."""
    joint: bool = False
    """Whether after each session each cell also learns, from the base model, all classes so far: an upper
    bound."""
    retention: Retention = Retention()
    shifts: list[Name] = Field([], json_schema_extra={"uniqueItems": True})
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
        if not isinstance(values, dict) or not isinstance(values.get("cells"), dict):
            return values
        shared = values.get("training") or {}
        cells = {
            name: cell | {"training": {**shared, **(cell.get("training") or {})}}
            if isinstance(cell, dict) and isinstance(shared, dict)
            else cell
            for name, cell in values["cells"].items()
        }
        return values | {"cells": cells}

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
            if (
                other is None
                or one.repeat == other.repeat
                or one != other.model_copy(update={"repeat": one.repeat})
            ):
                raise ValueError(f"again: {self.again} must be the baseline with another repeat")
        return self

    def count(self) -> int:
        """Return how many sessions there are."""
        return len(self.classes) or self.sessions

    def plans(self) -> dict[str, list[int]]:
        """Return by plan after which sessions a cell is looked at."""
        every = list(range(1, self.count() + 1))
        found = {CONTINUAL: every}
        if self.joint or self.offline:
            found[JOINT] = every if self.joint else every[-1:]
        return found


def datasets(params: Params) -> list[str]:
    """Return the datasets that its jobs read."""
    return [*([params.dataset] if params.dataset else []), *params.retention.datasets]


def checks(params: Params, study: "Study") -> Iterator[Check]:
    """Yield what must exist for `params` to make sense: datasets, shifts of images, models, heads of these."""
    classified = [name for name, dataset in study.datasets.items() if dataset.has_classes()]
    yield Check("dataset", [params.dataset], classified, "dataset whose labels are classes")
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
        wanted = getattr(cell.update, "heads", None)
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
