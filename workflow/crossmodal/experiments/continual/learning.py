"""Training one session: a few images of some classes, told apart by the classes' names."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from crossmodal.adaptation.targets import Towers
from crossmodal.experiments.continual.learning_params import SessionTraining
from crossmodal.experiments.continual.names import class_features
from crossmodal.experiments.continual.operations import step_flops
from crossmodal.models.architecture import CLIP
from crossmodal.models.dual_encoder import encode_images, logit_scale, to_pixels
from crossmodal.models.lookups import tables
from crossmodal.models.loss import query_losses
from crossmodal.training.batches import count_batches
from crossmodal.training.optimiser import learning_rate, make_optimiser, trainable
from crossmodal.training.settings import TrainingParameters
from crossmodal.updates import methods


@dataclass(frozen=True, slots=True)
class SessionData:
    """The images of a session and the names of its classes."""

    images: Tensor
    """uint8 [n, size, size, 3]."""
    labels: Tensor
    """int64 [n], the number of each image's class."""
    tokens: Tensor
    """int64 [classes · prompts, context], those of a class side by side."""
    classes: int


@dataclass(frozen=True, slots=True)
class Learnt:
    """What a session took."""

    trained: int
    """Single parameters that trained."""
    flops: float
    """Floating-point operations of a training step, for one image: forward and backward."""
    choosing: float
    """Seconds that choosing by gradients took, the pass for these among them; 0 where none are asked for."""
    seconds: float
    """Seconds of training."""
    losses: list[float]
    """Mean loss of each epoch, nats."""


def learn(
    model: CLIP, data: SessionData, update: Any, training: SessionTraining, towers: Towers, seed: int
) -> Learnt:
    """Train the bare `model` in place by one update on one session, and merge it.

    The same inputs and seed give the same weights on one kind of processor. UserError where the update does
    not fit.
    """
    device = next(model.parameters()).device
    data = SessionData(data.images, data.labels.to(device), data.tokens.to(device), data.classes)
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)  # dropout, where a tower has any
    loss = _loss(model, data, training, towers)
    gradients, asks = dict[str, Tensor](), methods.asks_gradients(update)
    model.eval()
    start = time.perf_counter()
    if asks:
        # A generator of its own: batches of training are those of an update that asks for no gradients.
        shuffled = torch.randperm(len(data.images), generator=torch.Generator().manual_seed(seed))
        parts = shuffled.tensor_split(count_batches(len(shuffled), training.batch_size))
        batches = [(len(rows), partial(loss, rows)) for rows in parts]
        gradients = methods.mean_gradients(model, towers, batches)
    masks = methods.attach(model, update, towers, gradients, seed)
    # What else `attach` does, to find the rank of a budget say, is no part of learning.
    choosing, seconds = time.perf_counter() - start if asks else 0.0, 0.0
    trained, flops, losses = masks.trained(model), 0.0, list[float]()
    if trained:
        flops = step_flops(loss, torch.arange(min(training.batch_size, len(data.images))))
        settings = TrainingParameters(
            epochs=training.epochs, batch_size=training.batch_size, learning_rate=training.learning_rate,
            weight_decay=training.weight_decay, warmup_share=training.warmup_share,
        )  # fmt: skip
        optimiser = make_optimiser(trainable(model), settings, tables(model))
        optimiser.zero_grad()
        start = time.perf_counter()
        model.train()
        for sums in _epochs(data, loss, optimiser, settings, masks.hold, generator):
            losses.append(sums / len(data.images))
        seconds = time.perf_counter() - start
    methods.merge(model)
    model.eval()
    return Learnt(trained, flops, choosing, seconds, losses)


def _epochs(
    data: SessionData, loss: Callable[[Tensor], Tensor], optimiser: torch.optim.Optimizer,
    settings: TrainingParameters, hold: Callable[[], None], generator: torch.Generator,
) -> Iterator[float]:  # fmt: skip
    """Yield the sum of the loss over the images of each epoch, once it is trained."""
    batches = count_batches(len(data.images), settings.batch_size)
    steps, step = settings.epochs * batches, 0
    for _ in range(settings.epochs):
        total = 0.0
        for rows in torch.randperm(len(data.images), generator=generator).tensor_split(batches):
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(step, steps, settings)
            value = loss(rows)
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            hold()
            total, step = total + float(value.detach()) * len(rows), step + 1
        yield total


def _loss(
    model: CLIP, data: SessionData, training: SessionTraining, towers: Towers
) -> Callable[[Tensor], Tensor]:
    """Return what computes the loss of the images of some rows, a scalar with a gradient."""
    fixed = None
    if towers == "image":  # the names' embeddings stay: they are computed once
        with torch.no_grad():
            model.eval()
            fixed = class_features(model, data.tokens, data.classes)

    def loss(rows: Tensor) -> Tensor:
        pixels = to_pixels(data.images[rows].to(data.labels.device))
        labels = data.labels[rows.to(data.labels.device)]
        images = encode_images(model, pixels)
        names = class_features(model, data.tokens, data.classes) if fixed is None else fixed
        numbers = torch.arange(data.classes, device=labels.device)
        scale = logit_scale(model).detach()
        if training.loss == "classes":
            return query_losses(images, names, labels, numbers, scale).mean()
        present = numbers[
            torch.isin(numbers, labels)
        ]  # a class that no image of the batch shows asks for none
        whole = query_losses(images, names, labels, numbers, scale).mean()
        asking = query_losses(names[present], images, present, labels, scale).mean()
        return (whole + asking) / 2

    return loss
