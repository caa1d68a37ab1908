"""Aligning two towers that were pretrained apart: their projections and the logit scale train, nothing else.

The towers stay as they are, so what they make of each image and each caption is computed once, and an epoch is two
small matrix products a batch: seconds where training the towers takes minutes. Apart from that it is the training
of `loop`, without augmentation: the same loss, batches, optimiser and schedule.
"""

import math
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import torch
from torch import Tensor
from torch.nn import functional

from crossmodal.errors import UserError
from crossmodal.models.alignment_settings import AlignmentParameters
from crossmodal.models.architecture import CLIP
from crossmodal.models.dual_encoder import logit_scale
from crossmodal.models.loss import contrastive_loss
from crossmodal.models.projections import Projection, projection
from crossmodal.torch_setup import device as find_device
from crossmodal.training import distributed
from crossmodal.training.batches import TrainingSet, count_batches, epoch_batches
from crossmodal.training.features import Features, frozen_features
from crossmodal.training.history import Epoch, History, validation_score, write_log
from crossmodal.training.optimiser import learning_rate, limit_logit_scale, make_optimiser
from crossmodal.training.randomness import Stream, make_generator
from crossmodal.training.settings import TrainingParameters
from crossmodal.training.validation import retrieval


def align(
    model: CLIP, train: TrainingSet, validation: TrainingSet | None, settings: AlignmentParameters, seed: int,
    folder: Path, log: Path,
) -> History:  # fmt: skip
    """Train the projections and the logit scale of `model`, in place, and return what happened.

    Features of the frozen towers are kept in `folder`; `log` gets one CSV row an epoch. `validation` data are
    watched: the last epoch is the result unless `settings` say the best. The model ends in eval() on the device
    where it was. Of several processes the first one does the work, and all end with its weights. Raises UserError
    where a tower has no linear projection or the loss is not finite.
    """
    home, device = next(model.parameters()).device, find_device()
    model.eval().to(device)
    ends = [p for tower in ("image", "text") for p in projection(model, tower).parameters()]
    history = History()
    try:
        if distributed.rank() == 0:
            run = _Run(model, train, frozen_features(model, train, device, folder), settings, seed)
            watched = frozen_features(model, validation, device, folder) if validation else None
            history = run.epochs(validation, watched)
            write_log(log, history)
        distributed.share([*ends, model.logit_scale])
    finally:
        model.zero_grad(set_to_none=True)
        model.to(home)
    return history


class _Run:
    """A model with its data, its features and its optimiser."""

    def __init__(
        self, model: CLIP, train: TrainingSet, features: Features, settings: AlignmentParameters, seed: int
    ) -> None:
        self.model, self.settings, self.seed = model, settings, seed
        self.device = model.logit_scale.device
        self.image, self.text = projection(model, "image"), projection(model, "text")
        self.features = self._on_device(features)
        # The numbers of images and captions in their place: batches are drawn as those of training are.
        self.numbers = TrainingSet(
            torch.arange(len(train)), torch.arange(len(train.owners)), train.owners, train.labels
        )
        self.training = TrainingParameters(
            epochs=settings.epochs, batch_size=settings.batch_size, learning_rate=settings.learning_rate,
            weight_decay=settings.weight_decay, warmup_share=settings.warmup_share, threads=settings.threads,
            augmentation=None, max_gradient_norm=None,
        )  # fmt: skip
        owned = {id(p) for p in (*self.image.parameters(), *self.text.parameters(), model.logit_scale)}
        self.parameters = {name: p for name, p in model.named_parameters() if id(p) in owned}
        self.optimiser = make_optimiser(self.parameters, self.training)

    def _on_device(self, features: Features) -> Features:
        return Features(
            features.images.to(self.device), features.texts.to(self.device), features.captions.to(self.device)
        )

    def epochs(self, validation: TrainingSet | None, watched: Features | None) -> History:
        """Train for all epochs, leave the result's weights in the model and return the record."""
        history = History()
        best: dict[str, Tensor] = {}
        watched = self._on_device(watched) if watched else None
        for number in range(1, self.settings.epochs + 1):
            epoch = self._epoch(number)
            if validation is not None and watched is not None:
                epoch = self._validated(epoch, validation, watched)
            history.epochs.append(epoch)
            if self.settings.result == "last" or self._is_best(history):
                history.best_epoch = number
                if self.settings.result == "best":
                    best = {name: p.detach().clone() for name, p in self.parameters.items()}
        with torch.no_grad():
            for name, tensor in best.items():
                self.parameters[name].copy_(tensor)
        return history

    @staticmethod
    def _is_best(history: History) -> bool:
        """Return whether the last epoch is better than the best before it; without validation it is."""
        last, best = history.epochs[-1], history.best
        return best is None or validation_score(last) > validation_score(best)

    def _epoch(self, number: int) -> Epoch:
        """Train for one epoch and return its record, still without validation."""
        batches = count_batches(len(self.numbers), self.settings.batch_size)
        step, steps = (number - 1) * batches, self.settings.epochs * batches
        total, rate, began = 0.0, 0.0, perf_counter()
        order = make_generator(self.seed, number, Stream.ORDER)
        for batch in epoch_batches(self.numbers, self.settings.batch_size, order):
            captions = self.features.captions[batch.tokens.to(self.device)]
            loss = contrastive_loss(
                self._embedded(self.image, self.features.images[batch.images.to(self.device)]),
                self._embedded(self.text, self.features.texts[captions]),
                batch.labels.to(self.device), logit_scale(self.model),
            )  # fmt: skip
            value = float(loss.detach())
            if not math.isfinite(value):
                raise UserError(
                    f"alignment: the loss is {value} at step {step + 1} (epoch {number}); lower its learning_rate"
                )
            loss.backward()
            rate = learning_rate(step, steps, self.training)
            for group in self.optimiser.param_groups:
                group["lr"] = rate
            self.optimiser.step()
            self.optimiser.zero_grad(set_to_none=True)
            limit_logit_scale(self.model)
            total += value * batch.pairs
            step += 1
        seconds = perf_counter() - began
        pairs = len(self.numbers)
        return Epoch(number, step, total / pairs, None, None, None, rate, seconds, pairs / seconds)

    @torch.no_grad()
    def _validated(self, epoch: Epoch, data: TrainingSet, features: Features) -> Epoch:
        """Return `epoch` with what `validation.validate` measures, here from features."""
        labels = data.labels.to(self.device)
        text_labels = labels[data.owners.to(self.device)]
        images = self._embedded(self.image, features.images)
        texts = self._embedded(self.text, features.texts)[features.captions]
        loss = contrastive_loss(images, texts, labels, logit_scale(self.model), text_labels)
        found = retrieval(images, texts, labels, text_labels)
        return replace(
            epoch,
            validation_loss=float(loss),
            validation_text_to_image=found["text_to_image"],
            validation_image_to_text=found["image_to_text"],
            validation_mrr=found["mrr"],
        )

    @staticmethod
    def _embedded(end: Projection, features: Tensor) -> Tensor:
        return functional.normalize(end(features), dim=-1)
