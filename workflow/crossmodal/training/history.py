"""What a training run did, epoch by epoch, and its CSV log."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the training images. Validation values are None where there is no validation data."""

    epoch: int
    """From 1; 0 for the model before training."""
    steps: int
    """Steps of the optimiser since the start."""
    loss: float | None
    """Mean training loss of the pairs, in nats; of the attacked batches where there is an adversary. None before
    training."""
    validation_loss: float | None
    """In nats, clean."""
    validation_text_to_image: float | None
    """recall@1, a fraction."""
    validation_image_to_text: float | None
    """recall@1, a fraction."""
    learning_rate: float
    """Of the epoch's last step, 0 before training."""
    seconds: float
    """Wall time of the training steps, without validation."""
    pairs_per_second: float
    robust_text_to_image: float | None = None
    """recall@1 under attack, a fraction; None where the adversary asks for no robust validation."""
    robust_image_to_text: float | None = None
    """recall@1 under attack, a fraction."""
    validation_mrr: float | None = None
    """Mean reciprocal rank, clean, mean of both directions."""
    one_step_text_to_image: float | None = None
    """recall@1 under the attack of training, a fraction; None unless that takes one step and the other several."""
    one_step_image_to_text: float | None = None
    """recall@1 under the attack of training, a fraction."""

    @property
    def robust(self) -> float | None:
        """The mean of both directions of recall@1 under attack."""
        return _mean(self.robust_text_to_image, self.robust_image_to_text)

    @property
    def one_step(self) -> float | None:
        """The mean of both directions of recall@1 under the attack of training."""
        return _mean(self.one_step_text_to_image, self.one_step_image_to_text)


@dataclass(slots=True)
class History:
    """The epochs of a run and which of them is the result."""

    epochs: list[Epoch] = field(default_factory=list)
    best_epoch: int = 0
    """The epoch whose weights the model has at the end, from 1; 0 for those that it had before training."""
    stopped_early: bool = False
    start: Epoch | None = None
    """The model before training, as validation saw it: the result where no epoch is better. None where it may not
    be, or nothing was trained or validated."""
    overfitted_epoch: int = 0
    """The epoch after which training ended because it was catastrophically overfitted, from 1; 0 if none was."""

    @property
    def best(self) -> Epoch | None:
        """The best epoch, `start` included; None where there is none yet."""
        return self.epochs[self.best_epoch - 1] if self.best_epoch else self.start

    @property
    def rows(self) -> list[Epoch]:
        """The start, where it was validated, and all epochs."""
        return [*([self.start] if self.start else []), *self.epochs]


LEFT, FALL = 0.25, 0.05
"""What is left of the robust recall at most, as a share, and how far it fell at least, as a difference."""


def is_overfitted(epochs: Sequence[Epoch]) -> bool:
    """Return whether the last of `epochs` is catastrophically overfitted (Wong et al. 2020).

    That is where recall under an attack of several steps fell from its highest, that of an earlier epoch, to at
    most a quarter of it, and by no less than 0.05, while under the one step of training it is still no lower than
    that highest. False where the two were not measured.
    """
    *before, last = epochs
    highest = max((epoch.robust or 0.0 for epoch in before), default=0.0)
    if last.robust is None or last.one_step is None:
        return False
    fell = last.robust <= LEFT * highest and highest - last.robust >= FALL
    return fell and last.one_step >= highest


def validation_score(epoch: Epoch, select_on: Literal["clean", "robust"] = "clean") -> tuple[float, ...]:
    """Return what the best epoch has most of: mean reciprocal rank of both directions, then less loss.

    Ranks come first because the loss of a contrastive model rises from over-confidence while its ranking still
    improves, and all ranks because recall@1 looks at the first place alone: on a few hundred captions it moves by
    chance. The loss decides between epochs that rank equally well. With `select_on` robust the recall@1 under
    attack comes before both.
    """
    if epoch.validation_loss is None:
        return float(epoch.epoch), 0.0
    clean = epoch.validation_mrr or 0.0, -epoch.validation_loss
    if select_on == "clean":
        return clean
    robust = (epoch.robust_text_to_image or 0.0) + (epoch.robust_image_to_text or 0.0)
    return robust / 2, *clean


def joined(first: History, second: History) -> History:
    """Return one record of two runs on one model, one after the other: epochs and steps are counted on."""
    if not first.epochs:
        return second
    epochs, steps = len(first.epochs), first.epochs[-1].steps
    later = [replace(epoch, epoch=epoch.epoch + epochs, steps=epoch.steps + steps) for epoch in second.epochs]
    best = second.best_epoch + epochs if second.best_epoch else first.best_epoch
    overfitted = second.overfitted_epoch + epochs if second.overfitted_epoch else first.overfitted_epoch
    return History([*first.epochs, *later], best, second.stopped_early, first.start, overfitted)


def _mean(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else (first + second) / 2


def write_log(path: Path, history: History) -> None:
    """Write one CSV row an epoch to `path`, the one before training included where it was validated."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [f.name for f in fields(Epoch)])
        writer.writeheader()
        writer.writerows(asdict(epoch) for epoch in history.rows)
