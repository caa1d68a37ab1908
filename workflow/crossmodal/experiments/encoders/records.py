"""What measuring image towers writes, in each process: one record for each number of images of each cell."""

import csv
from pathlib import Path

from crossmodal.errors import UserError
from crossmodal.statistics.records import Record, Samples


class TowerCost(Record):
    """What the image tower of one cell takes for so many images at once."""

    cell: str
    process: int
    count: int
    """Images that are encoded together."""
    samples_ms: Samples
    """Milliseconds of each round; rounds of all cells go together."""
    image_size: int | None = None
    """px of a side."""
    pretrained: bool | None = None
    """Whether it began with weights that others trained."""
    parameters_tower: int | None = None
    parameters: int | None = None
    """Of both towers."""
    weight_bytes: int | None = None
    """Of the image tower."""
    activation_bytes: int | None = None
    """Most that is held at once while one image is encoded, beside weights and input."""
    flops: int | None = None
    """Of one image, a multiplication and an addition counted as two."""
    source: str = ""


def read_losses(path: Path) -> tuple[float, float | None] | None:
    """Return the loss of training, and of validation if there is one, of a model's best epoch, in nats.

    `path` is the log of its training, a row an epoch; the best has the highest validation MRR, and is the last
    one without validation. None where nothing was trained.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["loss"]]
            best = max(rows, key=lambda row: float(row["validation_mrr"] or row["epoch"]), default=None)
            if best is None:
                return None
            return float(best["loss"]), float(best["validation_loss"]) if best["validation_loss"] else None
    except (OSError, KeyError, ValueError):
        raise UserError(f"{path}: not the log of a training; remove it and run again") from None
