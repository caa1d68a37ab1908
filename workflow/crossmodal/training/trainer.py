"""An epoch of training: batches, attacks, losses, steps of the optimiser."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import torch
from torch import Tensor, nn

from crossmodal.adaptation.hooks import Hooks
from crossmodal.errors import UserError
from crossmodal.models.architecture import CLIP
from crossmodal.models.lookups import tables
from crossmodal.progress import progress
from crossmodal.registry import load
from crossmodal.training import distributed
from crossmodal.training.adversary_settings import AdversaryParameters
from crossmodal.training.augmentation import augment
from crossmodal.training.batches import Batch, TrainingSet, count_batches, epoch_batches
from crossmodal.training.gradcache import cached_backward
from crossmodal.training.history import Epoch
from crossmodal.training.optimiser import learning_rate, limit_logit_scale, make_optimiser, trainable
from crossmodal.training.precision import Precision
from crossmodal.training.randomness import Stream, derive_seed, make_generator
from crossmodal.training.settings import TrainingParameters
from crossmodal.training.step import Adversary, Prepared, batch_loss, prepare


class Diverged(UserError):
    """Training came to a loss or a gradient that is not finite."""


class Trainer:
    """What stays the same from epoch to epoch: a model on `device`, its data, its optimiser."""

    def __init__(
        self, model: CLIP, train: TrainingSet, settings: TrainingParameters, seed: int, device: str,
        adversary: AdversaryParameters | None = None, hooks: Hooks | None = None,
        folder: Path = Path(), interrupted: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        """`folder` is where checkpoints are, for messages; `interrupted` is asked before each batch.

        Raises UserError where the device cannot do what the settings ask for.
        """
        self.model, self.train, self.settings, self.seed = model, train, settings, seed
        self.device, self.folder, self.interrupted = device, folder, interrupted
        self.precision = Precision(settings.mixed_precision, device)
        self.hooks = hooks or Hooks()
        # Loaded by name, so that an edit of the attacks makes no cell stale that is trained without them: a job
        # with an adversary names this module as a root of its fingerprint.
        make = load("training", "adversary").make_adversary if adversary else None
        self.adversary: Adversary | None = make(model, adversary, train.tokens) if make else None
        self.parameters = trainable(model)
        self.optimiser = make_optimiser(self.parameters, settings, tables(model))
        self.batches = count_batches(len(train), settings.batch_size)
        self.steps_per_epoch = math.ceil(self.batches / settings.gradient_accumulation)
        self.steps = self.steps_per_epoch * settings.epochs

    def may_be_result(self, epoch: Epoch) -> bool:
        """Return whether the method lets the model after `epoch`, 0 before training, be the result."""
        selectable = self.hooks.selectable
        return selectable is None or selectable(epoch.steps, self.steps)

    def train_epoch(self, epoch: int) -> Epoch:
        """Train for one epoch and return its record, still without validation.

        Raises UserError where a loss is not finite, or between two batches where training is interrupted.
        """
        settings, accumulation = self.settings, self.settings.gradient_accumulation
        process = distributed.rank()
        augmentation = make_generator(self.seed, epoch, Stream.AUGMENTATION)
        attack = make_generator(self.seed, epoch, Stream.ATTACK, self.device, process)
        self.model.train()
        total, rate, step = 0.0, 0.0, (epoch - 1) * self.steps_per_epoch
        began = perf_counter()
        with self._own_randomness(epoch, process):
            for i, batch in enumerate(self._epoch_batches(epoch, process)):
                if self.interrupted():
                    raise UserError(f"training: ended by SIGTERM after epoch {epoch - 1}, run again to go on")
                batch = batch.to(self.device)
                pixels = augment(batch.images, settings.augmentation, augmentation, batch.first, batch.pairs)
                prepared = self._prepare(pixels, batch, attack, step)
                of_step = min(accumulation, self.batches - i // accumulation * accumulation)
                value = float(self._backward(prepared, batch.tokens, of_step))
                self._check(math.isfinite(value), value, "loss", step, epoch)
                total += value * batch.pairs
                if (i + 1) % accumulation == 0 or i + 1 == self.batches:
                    rate = self._step(step, epoch)
                    step += 1
        seconds = perf_counter() - began
        distributed.share_buffers(self.model)
        return Epoch(
            epoch, step, total / len(self.train), None, None, None, rate, seconds, len(self.train) / seconds
        )

    def _epoch_batches(self, epoch: int, process: int) -> Iterator[Batch]:
        order = make_generator(self.seed, epoch, Stream.ORDER)
        batches = epoch_batches(self.train, self.settings.batch_size, order, process, distributed.count())
        if process:
            return batches
        label = f"epoch {epoch}/{self.settings.epochs}"
        return progress(batches, label, total=self.batches, unit="batch")

    def _prepare(self, pixels: Tensor, batch: Batch, generator: torch.Generator, step: int) -> Prepared:
        if self.adversary is None:
            return prepare(pixels, batch.labels)
        with self.precision.autocast_attack():
            return self.adversary.prepare(
                self.model, pixels, batch.tokens, batch.labels, generator, step / self.steps
            )

    def _backward(self, prepared: Prepared, tokens: Tensor, of_step: int) -> Tensor:
        """Add the batch's gradients to those of the step's other batches, and return its loss, detached."""
        chunk = self.settings.forward_chunk
        if chunk is not None and chunk < len(tokens):
            return cached_backward(self.model, prepared, tokens, chunk, self.precision, 1 / of_step)
        with self.precision.autocast():
            loss = batch_loss(self.model, prepared, tokens)
        self.precision.scaled(loss / of_step).backward()
        return loss.detach()

    def _step(self, step: int, epoch: int) -> float:
        """Apply the gradients that have gathered and return the learning rate used."""
        if self.hooks.penalty is not None:
            self.precision.scaled(self.hooks.penalty(self.model)).backward()
        distributed.average_gradients(self.parameters.values())
        self.precision.unscale(self.optimiser)
        limit = self.settings.max_gradient_norm
        norm = float(nn.utils.clip_grad_norm_(self.parameters.values(), math.inf if limit is None else limit))
        self._check(self.precision.tolerates(norm), norm, "gradient norm", step, epoch)
        rate = learning_rate(step, self.steps, self.settings)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        stepped = self.precision.step(self.optimiser)
        if stepped and self.hooks.after_step is not None:
            self.hooks.after_step(self.model, step, self.steps)
        self.optimiser.zero_grad(set_to_none=True)
        limit_logit_scale(self.model)
        return rate

    def _check(self, good: bool, value: float, what: str, step: int, epoch: int) -> None:
        if not good:
            raise Diverged(
                f"training: the {what} is {value} at step {step + 1} (epoch {epoch}); lower learning_rate or"
                f" max_gradient_norm; the last good checkpoint, if any, stays in {self.folder}"
            )

    @contextmanager
    def _own_randomness(self, epoch: int, process: int) -> Iterator[None]:
        """Seed torch's global generator, which dropout draws from, for this epoch and put it back after."""
        gpus = [torch.cuda.current_device()] if self.device == "cuda" else []
        with torch.random.fork_rng(devices=gpus):
            torch.manual_seed(derive_seed(self.seed, epoch, Stream.MODEL, process))
            yield
