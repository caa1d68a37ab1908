"""Training a student beside its frozen teacher: epochs, checkpoints and selection as in `loop`, another loss.

As there a run is a function of its arguments: two runs agree to the bit on the CPU, and so do a run that was
cut off and resumed and one that was not. What is trained beside the student (`teaching.Bridge`) is a module
of it meanwhile, so that it is optimised, kept and resumed with it, and is taken off at the end.
"""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import cast

from torch import Tensor

from crossmodal.errors import UserError
from crossmodal.models.architecture import CLIP
from crossmodal.models.distillation_settings import DistillationParameters
from crossmodal.torch_setup import device as find_device
from crossmodal.training import distributed
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
from crossmodal.training.history import Epoch, History, validation_score, write_log
from crossmodal.training.interruption import noticing_sigterm
from crossmodal.training.settings import TrainingParameters
from crossmodal.training.step import Adversary
from crossmodal.training.teaching import Bridge, Teacher
from crossmodal.training.trainer import Trainer
from crossmodal.training.validation import validate

BRIDGE = "bridge"
"""The name of the student's module for what it does not keep."""


def distil(
    student: CLIP, teacher: CLIP, train: TrainingSet, validation: TrainingSet | None,
    losses: DistillationParameters, settings: TrainingParameters, seed: int, folder: Path, log: Path,
    identity: str, after_epoch: Callable[[Epoch], None] | None = None,
) -> History:  # fmt: skip
    """Train all parameters of `student`, in place, by `losses`, and return what happened.

    `teacher` is frozen, in eval(), and sees the pixels and tokens of `train` as the student does. Which epoch
    is the result, what `log` gets, the checkpoints in `folder` with their `identity`, and `after_epoch` are
    as `loop.fit` has them; a checkpoint of another teacher is not used. Both models end in eval() on the
    devices where they were. Raises UserError where `fit` does, and for `activation_checkpointing`, which is
    not offered here.
    """
    if settings.activation_checkpointing:
        raise UserError(
            "distillation: activation_checkpointing is not offered; use forward_chunk to save memory"
        )
    distributed.require(settings.processes, smallest_batch(len(train), settings.batch_size))
    first, device = distributed.rank() == 0, find_device()
    homes = [next(model.parameters()).device for model in (student, teacher)]
    teacher.eval().requires_grad_(False).to(device)
    bridge = Bridge(student, teacher, seed)
    student.add_module(BRIDGE, bridge)
    try:
        start = fingerprint(
            student.state_dict()
            | {f"teacher:{name}": tensor for name, tensor in teacher.state_dict().items()}
            | _tensors("train", train)
            | _tensors("validation", validation)
        )
        saved = load_checkpoint(folder, identity, start, quiet=not first)
        student.to(device)
        with noticing_sigterm() as interrupted:
            trainer = Trainer(student, train, settings, seed, device, folder=folder, interrupted=interrupted)
            trainer.adversary = cast(Adversary, Teacher(teacher, bridge, losses))
            history, best = _begin(trainer, saved, validation)
            while len(history.epochs) < settings.epochs and not history.stopped_early:
                epoch = _validated(trainer.train_epoch(len(history.epochs) + 1), trainer, validation)
                history.epochs.append(epoch)
                if _is_best(history):
                    history.best_epoch = epoch.epoch
                    best = {} if validation is None else _copy(student)
                patience = settings.early_stopping_patience
                if validation is not None and patience is not None:
                    history.stopped_early = epoch.epoch - history.best_epoch >= patience
                if first:
                    write_log(log, history)
                    _save(folder, identity, start, trainer, history, best)
                if after_epoch is not None:
                    after_epoch(epoch)
        if first:
            write_log(log, history)
        if best and history.best_epoch < len(history.epochs):
            set_model_state(student, best)
    finally:
        delattr(student, BRIDGE)
        student.zero_grad(set_to_none=True)
        student.eval()
        for model, home in zip((student, teacher), homes, strict=True):
            model.to(home)
    return history


def _begin(
    trainer: Trainer, saved: Checkpoint | None, validation: TrainingSet | None
) -> tuple[History, dict[str, Tensor]]:
    """Return the record so far and the best epoch's weights, and put the trainer where `saved` was."""
    if saved is None:
        if validation is None:
            return History(), {}
        start = _validated(Epoch(0, 0, None, None, None, None, 0.0, 0.0, 0.0), trainer, validation)
        return History(start=start), _copy(trainer.model)
    history = saved.history
    set_model_state(trainer.model, saved.model)
    set_optimiser_state(trainer.optimiser, saved.optimiser)
    trainer.precision.set_state(saved.precision)
    return history, saved.model if history.best_epoch == len(history.epochs) else saved.best


def _save(
    folder: Path, identity: str, start: str, trainer: Trainer, history: History, best: dict[str, Tensor]
) -> None:
    """Keep the state after the last epoch; where that is the best one its tensors are stored once."""
    kept = {} if history.best_epoch == len(history.epochs) else best
    state = Checkpoint(
        model_state(trainer.model),
        kept,
        optimiser_state(trainer.optimiser),
        history,
        trainer.precision.state(),
    )
    save_checkpoint(folder, identity, start, state)


def _validated(epoch: Epoch, trainer: Trainer, validation: TrainingSet | None) -> Epoch:
    """Return `epoch` with what the student now scores on `validation`; every process returns the first one's."""
    if validation is not None and distributed.rank() == 0:
        measured = validate(trainer.model, validation, trainer.device)
        epoch = replace(
            epoch,
            validation_loss=measured.loss,
            validation_text_to_image=measured.text_to_image,
            validation_image_to_text=measured.image_to_text,
            validation_mrr=measured.mrr,
        )
    return Epoch(**distributed.tell(asdict(epoch)))


def _is_best(history: History) -> bool:
    """Return whether the last epoch is better than the best before it; without validation it is."""
    best, last = history.best, history.epochs[-1]
    return best is None or validation_score(last) > validation_score(best)


def _copy(model: CLIP) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model_state(model).items()}


def _tensors(prefix: str, data: TrainingSet | None) -> dict[str, Tensor]:
    names = () if data is None else ("images", "tokens", "owners", "labels")
    return {f"{prefix}:{name}": getattr(data, name) for name in names}
