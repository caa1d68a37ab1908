"""Few-shot classifiers over cached features of a frozen dual encoder: what they are given and what they give back.

A kind is a module with `fit(task, params, generator) -> Fitted`. Features are those before the last projection
of the image tower, so that a method may train that projection; all others work on the image embedding
f = normalise(projection @ feature + bias). Nothing is random but what `generator` draws, so equal generators give
equal classifiers to the bit. The test split is not read, unless the parameters say `chosen_on: test`. All tensors
are on the CPU.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor
from torch.nn import functional

from crossmodal.adaptation.prompt_settings import TextPromptParameters
from crossmodal.classifiers.settings import ChoosingParameters
from crossmodal.errors import UserError


@dataclass(frozen=True)
class Split:
    """Images of one split as features, or as pixels."""

    features: Tensor
    """float32 [n, views, w]; training images may have several augmented views, others have one."""
    labels: Tensor
    """int64 [n]: rows of the class embeddings."""


@dataclass(frozen=True)
class Splits:
    """The images of a task."""

    train: Split
    validation: Split
    """What choices are made on."""
    test: Split | None = None
    """None unless the parameters say `chosen_on: test`: what is not there is not read."""


class PromptEncoder(Protocol):
    """The frozen text tower, which reads learnt vectors before the classes' names."""

    def start(self, params: TextPromptParameters, generator: Generator) -> Tensor:
        """Return the vectors [n, width] as they start."""

    def __call__(self, vectors: Tensor) -> Tensor:
        """Return the classes' embeddings, float32 [classes, d] of unit length, with a gradient to `vectors`."""


@dataclass(frozen=True)
class Task:
    """A few-shot task: labelled images, the classes' embeddings and the parts of the model that methods use."""

    splits: Splits
    texts: Tensor
    """W, float32 [classes, d] of unit length: the classes by prompts."""
    projection: Tensor
    """float32 [d, w], the last linear map of the image tower."""
    bias: Tensor | None
    """float32 [d]; None where the map has none."""
    scale: float
    """s, what cosines are multiplied by: exp(logit_scale)."""
    shots: int
    """Training images of a class."""
    classes: Sequence[str]
    """The classes' names, in the order of `texts`."""
    encode: PromptEncoder | None = None
    """For methods that learn prompts."""
    pixels: Splits | None = None
    """The same splits as pixels, float32 [n, views, p], for the blind probe."""


@dataclass(frozen=True)
class Fitted:
    """A classifier."""

    logits: Callable[[Tensor], Tensor]
    """Of features [n, w], for the blind probe of pixels [n, p]: float32 [n, classes], without gradient."""
    parameters: int
    """Numbers that were trained."""
    stored: int
    """Numbers that are kept for this task beside the model and the classes' embeddings: caches, networks, vectors,
    a projection of its own."""
    chosen: dict[str, float]
    """By name what validation chose (alpha, beta, epoch and their like), and gamma also where it was learnt."""
    losses: tuple[float, ...] = ()
    """Mean training loss of each epoch, or between two looks at what decides, nats."""


def embed(task: Task, features: Tensor) -> Tensor:
    """Return the image embeddings f, [..., d] of unit length, of `features` [..., w]."""
    return functional.normalize(functional.linear(features, task.projection, task.bias), dim=-1)


def zero_shot_logits(task: Task, embeddings: Tensor) -> Tensor:
    """Return s f Wᵀ, [n, classes], of `embeddings` f [n, d]."""
    return task.scale * embeddings @ task.texts.T


def deciding(splits: Splits, params: ChoosingParameters, kind: str) -> tuple[Tensor, Tensor]:
    """Return features [n, w] (of the first view) and labels [n] of the split that choices are made on.

    Raises UserError where that is the test split and the task does not hand it over.
    """
    split = splits.validation if params.chosen_on == "validation" else splits.test
    if split is None:
        raise UserError(f"{kind}: chosen_on: test needs the test split, which this task does not hand over")
    return split.features[:, 0], split.labels


def without_gradient(logits: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Return `logits` as a function that keeps no graph."""
    return torch.no_grad()(logits)
