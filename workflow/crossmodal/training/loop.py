"""One training loop for base models and every cell.

A run is a function of its arguments: every draw derives from the seed and the number of the epoch, so two
runs agree to the bit on the CPU, and so do a run that was cut off and resumed and one that was not.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from torch import Tensor

from crossmodal.adaptation.hooks import Hooks
from crossmodal.models.architecture import CLIP
from crossmodal.torch_setup import device as find_device
from crossmodal.training import distributed
from crossmodal.training.adversary_settings import AdversaryParameters
from crossmodal.training.batches import TrainingSet, smallest_batch
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
from crossmodal.training.history import Epoch, History, is_overfitted, validation_score, write_log
from crossmodal.training.interruption import noticing_sigterm
from crossmodal.training.optimiser import trainable
from crossmodal.training.settings import TrainingParameters
from crossmodal.training.step import Adversary
from crossmodal.training.trainer import Trainer
from crossmodal.training.validation import validate


def fit(
    model: CLIP, train: TrainingSet, validation: TrainingSet | None, settings: TrainingParameters, seed: int,
    adversary: AdversaryParameters | None, checkpoint_folder: Path, log: Path, identity: str,
    after_epoch: Callable[[Epoch], None] | None = None, hooks: Hooks | None = None,
) -> History:  # fmt: skip
    """Train the parameters of `model` that require a gradient, in place, and return what happened.

    The loss is the multi-positive contrastive loss, min-max against `adversary` where there is one; `hooks`
    are the method's own part in each step. With `validation` data the weights of the best epoch are restored
    at the end (see `validation_score`), those from before training if no epoch is better (see `_start`); a
    catastrophically overfitted one (`is_overfitted`) ends training and is never the best. `log` gets one CSV row
    an epoch. A checkpoint is written to `checkpoint_folder` after each epoch; a run with the same `identity` (a
    digest of the job's spec), initial weights and data continues from it. The caller removes the checkpoints once
    the result is safe (`discard_checkpoints`). `after_epoch` is called after each epoch's checkpoint. The model
    ends in eval() on the device where it was. With no trainable parameter nothing is done.

    Where processes share the work (`distributed`), all call this alike and end with the same weights; the first
    one validates and writes. Raises UserError where the loss is not finite, a checkpoint is another job's, the
    settings ask for what is not there, or SIGTERM came (between two steps; the checkpoint stays).
    """
    first = distributed.rank() == 0
    if not trainable(model):
        if first:
            write_log(log, History())
        return History()
    distributed.require(settings.processes, smallest_batch(len(train), settings.batch_size))
    start = fingerprint(model.state_dict() | _tensors("train", train) | _tensors("validation", validation))
    saved = load_checkpoint(checkpoint_folder, identity, start, quiet=not first)
    home, device = next(model.parameters()).device, find_device()
    model.to(device)
    try:
        with noticing_sigterm() as interrupted, _recomputing(model, settings.activation_checkpointing):
            trainer = Trainer(
                model, train, settings, seed, device, adversary, hooks, checkpoint_folder, interrupted
            )
            history, best = History(), {}
            if saved:
                history = saved.history
                last_is_best = history.best_epoch == len(history.epochs)
                best = saved.model if last_is_best else saved.best
                set_model_state(model, saved.model)
                set_optimiser_state(trainer.optimiser, saved.optimiser)
                trainer.precision.set_state(saved.precision)
            elif start_record := _start(trainer, validation, adversary):
                history.start, best = start_record, _copy(model)
            while len(history.epochs) < settings.epochs and not history.stopped_early:
                epoch = trainer.train_epoch(len(history.epochs) + 1)
                epoch = _validated(epoch, model, validation, device, trainer.adversary)
                history.epochs.append(epoch)
                if is_overfitted(history.epochs):
                    history.overfitted_epoch, history.stopped_early = epoch.epoch, True
                elif trainer.may_be_result(epoch) and _is_best(history, adversary):
                    history.best_epoch = epoch.epoch
                    if validation is not None:
                        best = _copy(model)
                patience = settings.early_stopping_patience
                if validation is not None and patience is not None and history.best:
                    history.stopped_early |= epoch.epoch - history.best_epoch >= patience
                if first:
                    write_log(log, history)
                    # Where the epoch is the best one its tensors are stored once.
                    kept = {} if history.best_epoch == epoch.epoch else best
                    state = Checkpoint(
                        model_state(model), kept, optimiser_state(trainer.optimiser), history,
                        trainer.precision.state(),
                    )  # fmt: skip
                    save_checkpoint(checkpoint_folder, identity, start, state)
                if after_epoch is not None:
                    after_epoch(epoch)
        if first:
            write_log(log, history)
        if best and history.best_epoch < len(history.epochs):
            set_model_state(model, best)
    finally:
        model.zero_grad(set_to_none=True)
        model.eval()
        model.to(home)
    return history


@contextmanager
def _recomputing(model: CLIP, active: bool) -> Iterator[None]:
    """Have the towers' blocks compute their activations once more on the way back."""
    if active:
        model.set_grad_checkpointing(True)
    try:
        yield
    finally:
        if active:
            model.set_grad_checkpointing(False)
            # open_clip's wrapper of Hugging Face's towers turns it on whatever it is asked for.
            for module in model.modules():
                if getattr(module, "gradient_checkpointing", False):
                    module.gradient_checkpointing = False


def _start(
    trainer: Trainer, validation: TrainingSet | None, adversary: AdversaryParameters | None
) -> Epoch | None:
    """Return what validation says of the model before training, None where it may not be the result.

    That is without validation data, before a method has become what it is to be, and where an adversary's cell is
    chosen by what it does on clean data: that measure does not know what the training is for, and would return a
    model that no attack was ever shown to.
    """
    start = Epoch(0, 0, None, None, None, None, 0.0, 0.0, 0.0)
    chosen_on_clean = adversary is not None and adversary.select_on == "clean"
    if validation is None or chosen_on_clean or not trainer.may_be_result(start):
        return None
    return _validated(start, trainer.model, validation, trainer.device, trainer.adversary)


def _copy(model: CLIP) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model_state(model).items()}


def _tensors(prefix: str, data: TrainingSet | None) -> dict[str, Tensor]:
    names = () if data is None else ("images", "tokens", "owners", "labels")
    return {f"{prefix}:{name}": getattr(data, name) for name in names}


def _validated(
    epoch: Epoch, model: CLIP, validation: TrainingSet | None, device: str, adversary: Adversary | None
) -> Epoch:
    """Return `epoch` with what `model` now scores on `validation`; every process returns the first one's."""
    if validation is not None and distributed.rank() == 0:
        measured = validate(model, validation, device, adversary)
        epoch = replace(
            epoch,
            validation_loss=measured.loss,
            validation_text_to_image=measured.text_to_image,
            validation_image_to_text=measured.image_to_text,
            robust_text_to_image=measured.robust_text_to_image,
            robust_image_to_text=measured.robust_image_to_text,
            validation_mrr=measured.mrr,
            one_step_text_to_image=measured.one_step_text_to_image,
            one_step_image_to_text=measured.one_step_image_to_text,
        )
    return Epoch(**distributed.tell(asdict(epoch)))


def _is_best(history: History, adversary: AdversaryParameters | None) -> bool:
    """Return whether the last epoch is better than the best before it."""
    best, last = history.best, history.epochs[-1]
    select_on = adversary.select_on if adversary else "clean"
    return best is None or validation_score(last, select_on) > validation_score(best, select_on)
