"""What every shift of images says, and what every shift of texts."""

from typing import ClassVar

from crossmodal.parameters import Parameters, Share

LARGEST_LOSS = 0.01


class ImageShift(Parameters):
    """Parameters of a shift that changes images."""

    space: ClassVar[str] = "images"
    """What it changes."""

    largest_loss: Share = LARGEST_LOSS
    """Share of a set's pictures that may come out blank, or like another picture that they did not look like."""


class TextShift(Parameters):
    """Parameters of a shift that changes captions."""

    space: ClassVar[str] = "texts"
    """What it changes."""
