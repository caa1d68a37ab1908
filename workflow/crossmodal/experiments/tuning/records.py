"""What a training run of the search writes."""

from crossmodal.statistics.records import Record


class EpochRecord(Record):
    """What validation said after an epoch."""

    epoch: int
    """From 1; 0 for the model before training."""
    mrr: float
    """Mean reciprocal rank, mean of both directions, a fraction."""


class TuningRecord(Record):
    """One training run: a family's cell at one learning rate, with one seed."""

    family: str
    rate: str
    """Name of the learning rate, `3.2e-03`."""
    learning_rate: float
    seed: int
    dataset: str
    """What the cell is adapted to; its validation split decides."""
    diverged: bool
    """Whether training ended in a loss or a gradient that is not finite: there is no result then."""
    best_epoch: int | None
    """The epoch whose weights a cell would get; 0 for those from before training."""
    mrr: float | None
    """Of that epoch."""
    epochs: list[EpochRecord]
    """All of them; none where training diverged."""
    source: str = ""
