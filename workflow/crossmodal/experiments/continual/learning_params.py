"""What learning a session depends on; the experiment's other parameters are apart, so that they may change."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from crossmodal.parameters import Count, Name, NotNegative, Parameters, Positive, Seeds, Share
from crossmodal.registry import any_of

if TYPE_CHECKING:
    AnyUpdate = Any
else:
    AnyUpdate = any_of("updates")

CONTINUAL, JOINT = "continual", "joint"
"""Session after session, each from the weights that the one before left; or from the base model on the data
of all sessions so far at once, which knows what a continual learner does not keep."""


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
    answers: Literal["names", "shots", "both"] = "names"
    """What stands for a class where images are classified: its name in the prompts; the mean of its shots, as the
    weights had them after the session that brought them (no image is kept); or the sum of both, of unit length
    each. Before its session its name stands for a class in either case."""
    orders: Seeds | None = None
    """Null for those of continual.orders."""
    over: list[Name] = []
    """Cells of the same model that gains are counted over beside the roles of the claims."""
    repeat: Annotated[int, Field(ge=0)] = 0
    """Which run of the same it is: another one has other batches and other factors to begin with."""


ASKED = {"answers", "orders", "over"}
"""What of a cell no session depends on."""


class Learnt(Parameters):
    """What is learnt: classes, in sessions, some images of each."""

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
    prompts: Annotated[list[str], Field(min_length=1)] = ["{}"]
    """What stands for a class, with {} in the place of its name: the mean of their embeddings classifies."""

    def count(self) -> int:
        """Return how many sessions there are."""
        return len(self.classes) or self.sessions


def asked_after(split: str, variant: str, sessions: Sequence[int]) -> list[int]:
    """Return after which of `sessions` the classes that are learnt are asked for in a set.

    The test images after each; validation images, and those under a shift, before the first and after the last.
    """
    whole = (split, variant) == ("test", "clean")
    return list(sessions) if whole else [sessions[0], sessions[-1]]
