"""Choices by accuracy; of the equally accurate the one of least cross-entropy; of those the earliest."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from torch import Tensor
from torch.nn import functional

T = TypeVar("T")


class Quality(NamedTuple):
    """How good logits are; of two the greater is better."""

    correct: int
    """Images whose class has the highest logit."""
    minus_loss: float
    """Negative mean cross-entropy, nats."""


def quality(logits: Tensor, labels: Tensor) -> Quality:
    """Return the quality of `logits` [n, classes] for `labels` int64 [n]."""
    return Quality(_correct(logits, labels), -float(functional.cross_entropy(logits, labels)))


def best(candidates: Sequence[T], logits: Callable[[T], Tensor], labels: Tensor) -> T:
    """Return the best of `candidates` by the `logits` [n, classes] that each gives.

    As by `quality`, but cross-entropy, the slower of the two, is computed only where accuracies are equal.
    """
    correct = [_correct(logits(candidate), labels) for candidate in candidates]
    first = [candidate for candidate, n in zip(candidates, correct, strict=True) if n == max(correct)]
    if len(first) == 1:
        return first[0]
    losses = [-quality(logits(candidate), labels).minus_loss for candidate in first]
    return first[losses.index(min(losses))]


def _correct(logits: Tensor, labels: Tensor) -> int:
    return int((logits.argmax(dim=1) == labels).sum())
