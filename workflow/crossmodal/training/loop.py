"""One training loop for base models and every cell.

A run is a function of its arguments: every draw derives from the seed and the number of the epoch, so two
runs agree to the bit on the CPU, and so do a run that was cut off and resumed and one that was not.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import torch
from torch import Tensor, nn

from crossmodal.determinism import device as find_device
from crossmodal.errors import UserError
from crossmodal.models.architecture import CLIP
from crossmodal.progress import progress
from crossmodal.registry import load
from crossmodal.training.adversary_settings import AdversaryParameters
from crossmodal.training.augmentation import augment
from crossmodal.training.batches import TrainingSet, count_batches, epoch_batches
from crossmodal.training.checkpoint import (
    Checkpoint,
    fingerprint,
    load_checkpoint,
    model_state,
    optimiser_state,
    save_checkpoint,
    set_model_state,
    set_optimiser_state,
)
from crossmodal.training.history import Epoch, History, validation_score, write_log
from crossmodal.training.optimiser import learning_rate, limit_logit_scale, make_optimiser, trainable
from crossmodal.training.randomness import Stream, derive_seed, make_generator
from crossmodal.training.settings import TrainingParameters
from crossmodal.training.step import Adversary, batch_loss, prepare
from crossmodal.training.validation import validate


def fit(
    model: CLIP, train: TrainingSet, validation: TrainingSet | None, settings: TrainingParameters, seed: int,
    adversary: AdversaryParameters | None, checkpoint_folder: Path, log: Path, identity: str,
    after_epoch: Callable[[Epoch], None] | None = None,
) -> History:  # fmt: skip
    """Train the parameters of `model` that require a gradient, in place, and return what happened.

    The loss is the multi-positive contrastive loss, min-max against `adversary` where there is one. With
    `validation` data the weights of the best epoch are restored at the end (see `validation_score`). `log`
    gets one CSV row an epoch. A checkpoint is written to `checkpoint_folder` after each epoch; a run with
    the same `identity` (a digest of the job's spec), initial weights and data continues from it. The caller
    removes the checkpoints once the result is safe (`discard_checkpoints`). `after_epoch` is called after
    each epoch's checkpoint. The model ends in eval() on the device where it was. With no trainable
    parameter nothing is done. Raises UserError where the loss is not finite or a checkpoint is another job's.
    """
    if not trainable(model):
        write_log(log, History())
        return History()
    start = fingerprint(model.state_dict() | _tensors("train", train) | _tensors("validation", validation))
    saved = load_checkpoint(checkpoint_folder, identity, start)
    home, device = next(model.parameters()).device, find_device()
    model.to(device)
    try:
        run = _Run(model, train, settings, seed, adversary, device, checkpoint_folder)
        history, best = (saved.history, saved.best or saved.model) if saved else (History(), {})
        if saved:
            set_model_state(model, saved.model)
            set_optimiser_state(run.optimiser, saved.optimiser)
        while len(history.epochs) < settings.epochs and not history.stopped_early:
            epoch = _validated(run.train_epoch(len(history.epochs) + 1), model, validation, device)
            history.epochs.append(epoch)
            if _is_best(history):
                history.best_epoch = epoch.epoch
                if validation is not None:
                    best = {name: tensor.clone() for name, tensor in model_state(model).items()}
            patience = settings.early_stopping_patience
            if validation is not None and patience is not None:
                history.stopped_early = epoch.epoch - history.best_epoch >= patience
            write_log(log, history)
            # Where the epoch is the best one its tensors are stored once.
            kept = {} if history.best_epoch == epoch.epoch else best
            state = Checkpoint(model_state(model), kept, optimiser_state(run.optimiser), history)
            save_checkpoint(checkpoint_folder, identity, start, state)
            if after_epoch is not None:
                after_epoch(epoch)
        write_log(log, history)
        if best and history.best_epoch < len(history.epochs):
            set_model_state(model, best)
    finally:
        model.zero_grad(set_to_none=True)
        model.eval()
        model.to(home)
    return history


def _tensors(prefix: str, data: TrainingSet | None) -> dict[str, Tensor]:
    names = () if data is None else ("images", "tokens", "owners", "labels")
    return {f"{prefix}:{name}": getattr(data, name) for name in names}


def _validated(epoch: Epoch, model: CLIP, validation: TrainingSet | None, device: str) -> Epoch:
    """Return `epoch` with what `model` now scores on `validation`."""
    if validation is None:
        return epoch
    measured = validate(model, validation, device)
    return replace(
        epoch,
        validation_loss=measured.loss,
        validation_text_to_image=measured.text_to_image,
        validation_image_to_text=measured.image_to_text,
    )


def _is_best(history: History) -> bool:
    """Return whether the last epoch is better than the best before it."""
    last = history.epochs[-1]
    if history.best_epoch == 0:
        return True
    return validation_score(last) > validation_score(history.epochs[history.best_epoch - 1])


class _Run:
    """What stays the same from epoch to epoch."""

    def __init__(
        self, model: CLIP, train: TrainingSet, settings: TrainingParameters, seed: int,
        adversary: AdversaryParameters | None, device: str, folder: Path,
    ) -> None:  # fmt: skip
        self.model, self.train, self.settings, self.seed = model, train, settings, seed
        self.device, self.folder = device, folder
        # Loaded by name, so that an edit of the attacks makes no cell stale that is trained without them: a job
        # with an adversary names this module as a root of its fingerprint.
        make = load("training", "adversary").make_adversary if adversary else None
        self.adversary: Adversary | None = make(model, adversary) if make else None
        self.parameters = trainable(model)
        self.optimiser = make_optimiser(self.parameters, settings)
        self.batches = count_batches(len(train), settings.batch_size)
        self.steps_per_epoch = math.ceil(self.batches / settings.gradient_accumulation)

    def train_epoch(self, epoch: int) -> Epoch:
        """Train for one epoch and return its record, still without validation."""
        settings, accumulation = self.settings, self.settings.gradient_accumulation
        augmentation = make_generator(self.seed, epoch, Stream.AUGMENTATION)
        attack = make_generator(self.seed, epoch, Stream.ATTACK, self.device)
        order = make_generator(self.seed, epoch, Stream.ORDER)
        batches = epoch_batches(self.train, settings.batch_size, order)
        self.model.train()
        total, rate, step = 0.0, 0.0, (epoch - 1) * self.steps_per_epoch
        began = perf_counter()
        with self._own_randomness(epoch):
            bar = progress(batches, f"epoch {epoch}/{settings.epochs}", total=self.batches, unit="batch")
            for i, batch in enumerate(bar):
                batch = batch.to(self.device)
                pixels = augment(batch.images, settings.augmentation, augmentation)
                with self._precision():
                    if self.adversary is None:
                        prepared = prepare(pixels, batch.labels)
                    else:
                        share = step / (self.steps_per_epoch * settings.epochs)
                        prepared = self.adversary.prepare(
                            self.model, pixels, batch.tokens, batch.labels, attack, share
                        )
                    loss = batch_loss(self.model, prepared, batch.tokens)
                value = float(loss.detach())
                self._check(value, "loss", step, epoch)
                total += value * len(pixels)
                of_step = min(accumulation, self.batches - i // accumulation * accumulation)
                (loss / of_step).backward()
                if (i + 1) % accumulation == 0 or i + 1 == self.batches:
                    rate = self._step(step, epoch)
                    step += 1
        seconds = perf_counter() - began
        return Epoch(
            epoch, step, total / len(self.train), None, None, None, rate, seconds, len(self.train) / seconds
        )

    def _step(self, step: int, epoch: int) -> float:
        """Apply the gradients that have gathered and return the learning rate used."""
        limit = self.settings.max_gradient_norm
        norm = nn.utils.clip_grad_norm_(self.parameters.values(), math.inf if limit is None else limit)
        self._check(float(norm), "gradient norm", step, epoch)
        rate = learning_rate(step, self.steps_per_epoch * self.settings.epochs, self.settings)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        limit_logit_scale(self.model)
        return rate

    def _check(self, value: float, what: str, step: int, epoch: int) -> None:
        if not math.isfinite(value):
            raise UserError(
                f"training: the {what} is {value} at step {step + 1} (epoch {epoch}); lower learning_rate or"
                f" max_gradient_norm; the last good checkpoint, if any, stays in {self.folder}"
            )

    def _precision(self) -> AbstractContextManager[object]:
        if self.device == "cuda" and self.settings.mixed_precision == "auto":
            return torch.autocast("cuda", torch.bfloat16)
        return nullcontext()

    @contextmanager
    def _own_randomness(self, epoch: int) -> Iterator[None]:
        """Seed torch's global generator, which dropout draws from, for this epoch and put it back after."""
        gpus = [torch.cuda.current_device()] if self.device == "cuda" else []
        with torch.random.fork_rng(devices=gpus):
            torch.manual_seed(derive_seed(self.seed, epoch, Stream.MODEL))
            yield
