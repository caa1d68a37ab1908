"""What a shift is, and what a check of the attacks found."""

from typing import Literal

from crossmodal.statistics.records import Record


class ShiftFacts(Record):
    """What a variant of a test set is."""

    kind: str
    severity: int | None = None
    """From 1 to 5; null for a shift that has none."""
    modality: Literal["images", "texts"] = "images"


class SanityCheck(Record):
    """One check that a robust number is not the work of masked gradients."""

    cell: str
    seed: int
    name: str
    """Short and stable, part of a number's id."""
    statement: str
    measured: dict[str, float] = {}
    """What it compared, by what it is of, such as "recall@1, one step" or "loss, one step"."""
    passed: bool | None
    """Null where there was nothing to lose, so that the check says nothing."""
    source: str = ""
