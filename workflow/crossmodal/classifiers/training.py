"""Training on cached features: which images and views a step takes, and which epoch is kept."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from crossmodal.classifiers.base import Split
from crossmodal.classifiers.choosing import Quality, quality

Deciding = tuple[Callable[[], Tensor], Tensor]
"""Computes the logits [n, classes] of the images that decide, as the classifier is now; and their labels [n]."""


class Batch(NamedTuple):
    """The images of one step."""

    rows: Tensor
    """int64 [b], of the training split."""
    views: Tensor
    """int64 [b]: which view of each."""


class Trained(NamedTuple):
    """How training went; the parameters are those of the epoch that was kept."""

    epoch: int
    losses: tuple[float, ...]
    """Mean loss of each epoch's steps, weighted by their images."""


def draw_batches(
    train: Split, epochs: int, batch_size: int | None, generator: Generator
) -> list[list[Batch]]:
    """Return the batches of each epoch: all images in a new order, each in a random one of its views.

    They are drawn before weights are, so that methods with and without random weights see the same batches.
    """
    n, views = train.features.shape[:2]
    drawn = []
    for _ in range(epochs):
        order = torch.randperm(n, generator=generator)
        view = torch.randint(views, (n,), generator=generator)
        parts = zip(order.split(batch_size or n), view.split(batch_size or n), strict=True)
        drawn.append([Batch(rows, own) for rows, own in parts])
    return drawn


def train(
    optimiser: torch.optim.Optimizer,
    epochs: Sequence[Sequence[Batch]],
    loss: Callable[[Batch], Tensor],
    deciding: Deciding | None,
) -> Trained:
    """Train what `optimiser` holds and leave it as after the best epoch, of which 0 is the start.

    The rates fall to 0 along half a cosine over all steps. `loss` is the mean over a batch. Without `deciding`
    the last epoch is kept.
    """
    steps = sum(map(len, epochs))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(1, steps))
    parameters: list[Tensor] = [p for group in optimiser.param_groups for p in group["params"]]
    kept, best = 0, _measure(deciding)
    copies, losses = _copies(parameters), []
    for epoch, batches in enumerate(epochs, start=1):
        total = 0.0
        for batch in batches:
            value = loss(batch)
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            schedule.step()
            total += float(value.detach()) * len(batch.rows)
        losses.append(total / sum(len(batch.rows) for batch in batches))
        measured = _measure(deciding)
        if measured is None or best is None or measured > best:
            kept, best, copies = epoch, measured, _copies(parameters)
    with torch.no_grad():
        for parameter, copy in zip(parameters, copies, strict=True):
            parameter.copy_(copy)
    return Trained(kept, tuple(losses))


@torch.no_grad()
def _measure(deciding: Deciding | None) -> Quality | None:
    if deciding is None:
        return None
    logits, labels = deciding
    return quality(logits(), labels)


def _copies(parameters: Sequence[Tensor]) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in parameters]
