"""What a shift is, and what a check of the attacks found."""

from typing import Literal

from crossmodal.statistics.records import Record


class ShiftFacts(Record):
    """What a variant of a test set is."""

    kind: str
    severity: int | None = None
    """From 1 to 5; null for a shift that has none."""
    size: int | None = None
    """What is left of the shorter side, px; null for a shift that keeps the resolution."""
    modality: Literal["images", "texts"] = "images"
    control: bool = False
    """Whether it is there to change nothing, and has no part in summaries."""


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


class TextUnit(Record):
    """What epsilon of an attack on texts counts in: mean L2 norms of token embeddings of the base model."""

    cell: str
    seed: int
    norm: float
    """Of the words that the training captions use: the unit."""
    table: float
    """Of the whole table."""
    tokens: int
    """How many words those are."""
    source: str = ""


class RobustRecall(Record):
    """recall@1 on validation data, fractions, clean and under the attack that all cells are validated with."""

    cell: str
    seed: int
    text_to_image: float
    image_to_text: float
    clean_text_to_image: float
    """Unattacked, of the same queries against the same gallery."""
    clean_image_to_text: float
    source: str = ""

    @property
    def robust(self) -> float:
        """The mean of both directions under attack."""
        return (self.text_to_image + self.image_to_text) / 2

    @property
    def clean(self) -> float:
        """The mean of both directions without an attack."""
        return (self.clean_text_to_image + self.clean_image_to_text) / 2
