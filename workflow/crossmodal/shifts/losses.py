"""Pictures that a shift destroys: one that it leaves blank, or that it makes the same as another.

A shift keeps what the label says; where it does not, what a model loses says nothing of its robustness.
"""

import hashlib

import numpy as np

from crossmodal.data.images import Pixels
from crossmodal.errors import UserError

BLANK = 1 / 16
"""Share of its contrast below which a picture is near-blank: of the levels between black and white 16 are left."""

FAINT = 4.0
"""Contrast, in levels of 255, below which a picture is near-blank from the start."""


def contrast(image: Pixels) -> float:
    """Return the standard deviation of `image`'s pixels about their mean colour, in levels, over all channels.

    Not that of the luminance: red and green of one luminance are a picture.
    """
    return float(np.sqrt(image.reshape(-1, image.shape[-1]).var(axis=0, dtype=np.float64).mean()))


def is_faint(image: Pixels) -> bool:
    """Return whether `image` hardly shows a thing, as an empty sheet does: it has nothing to lose."""
    return contrast(image) < FAINT


def is_blank(shifted: Pixels, image: Pixels) -> bool:
    """Return whether `shifted` is near-blank though `image` was not: it has less than `BLANK` of its contrast."""
    return not is_faint(image) and contrast(shifted) < BLANK * contrast(image)


class Losses:
    """What a shift lost of a set of pictures, told one after the other."""

    def __init__(self) -> None:
        """Begin with no pictures."""
        self._count = 0
        self._blank: list[str] = []
        self._alike: dict[bytes, list[tuple[str, bytes]]] = {}

    def add(self, image_id: str, image: Pixels, shifted: Pixels) -> None:
        """Take a picture as it was and as it became, uint8 [height, width, 3]."""
        self._count += 1
        if is_blank(shifted, image):
            self._blank.append(image_id)
        if not is_faint(image):
            self._alike.setdefault(_digest(shifted), []).append((image_id, _digest(image)))

    def found(self) -> dict[str, list[str]]:
        """Return the ids of the pictures that became `blank`, and of those that became `merged` with another.

        Merged are pictures equal to the pixel to one that they did not equal before. Pictures that were faint from
        the start are neither.
        """
        groups = [group for group in self._alike.values() if len({before for _, before in group}) > 1]
        return {"blank": self._blank, "merged": [image_id for group in groups for image_id, _ in group]}

    def check(self, what: str, largest: float) -> None:
        """Raise UserError, one line that begins with `what`, if either is more than the share `largest` of all."""
        said = {
            "blank": "leaves {} of {} images near-blank",
            "merged": "makes {} of {} images equal to another",
        }
        for name, ids in self.found().items():
            if len(ids) > largest * self._count:
                told = said[name].format(len(ids), self._count)
                raise UserError(
                    f"{what} {told} ({', '.join(ids[:3])}{', ...' if len(ids) > 3 else ''}), more than "
                    f"{100 * largest:g} %: lower its severity, or raise its largest_loss"
                )


def _digest(image: Pixels) -> bytes:
    return hashlib.sha256(repr(image.shape).encode() + np.ascontiguousarray(image).tobytes()).digest()
