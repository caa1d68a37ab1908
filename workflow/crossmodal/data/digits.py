"""Handwritten digits of scikit-learn (Alpaydin and Kaynak 1998): ten classes that every environment has."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from crossmodal.data.built import Built
from crossmodal.data.class_counts import large_enough
from crossmodal.data.digits_params import Params
from crossmodal.data.images import Pixels, encode_png
from crossmodal.data.splits import assign
from crossmodal.data.tables import Example

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
INK = 16
"""The darkest value of the data; 0 is paper."""


def build(params: Params, sources: Mapping[str, Path]) -> Built:
    """Return the digits; `sources` is not used.

    Image id is "digits/digit-number", with the place that an image has in scikit-learn's data; label the digit's
    name, which is the group, too. Digits are enlarged (`enlarged`).
    """
    data = load_digits()
    names = [f"{NAMES[digit]}-{place:04d}" for place, digit in enumerate(data.target)]
    splits: dict[str, str] = {}
    for name in NAMES:
        own = [other for other in names if other.startswith(f"{name}-")]
        splits |= assign(own, params.split)
    found = [
        (
            splits[name],
            Example(
                f"digits/{name}", encode_png(enlarged(image, params.image_size)), f"digits/{name}.png",
                captions_of(NAMES[digit], int(digit)), NAMES[digit], NAMES[digit], "handwritten",
            ),
        )
        for name, digit, image in zip(names, data.target, data.images, strict=True)
    ]  # fmt: skip
    kept, left_out = large_enough(found, params)
    return Built(kept, [], _sheet(left_out))


def captions_of(name: str, digit: int) -> list[str]:
    """Return the captions of an image of a digit, the same for all of them."""
    return [f"the digit {name}", f"a handwritten {digit}", f"the number {name}, written by hand"]


def enlarged(image: np.ndarray, size: int) -> Pixels:
    """Return ink [8, 8], from 0 to `INK`, as uint8 [size, size, 3]: dark on white, bicubically enlarged.

    A margin of one of the 8 x 8 pixels is added on each side, since digits reach the edges of theirs.
    """
    paper = np.pad(1 - image / INK, 1, constant_values=1.0)
    grey = Image.fromarray(np.round(255 * paper).astype(np.uint8))
    return np.asarray(grey.resize((size, size), Image.Resampling.BICUBIC).convert("RGB"))


def _sheet(facts: dict[str, int]) -> dict[str, Any]:
    return {
        "title": "Handwritten digits",
        "description": (
            "Digits written by 13 people, reduced to 8 x 8 px, here with a margin of one px and enlarged "
            "bicubically, dark on white."
        ),
        "sources": [
            {
                "name": "Optical recognition of handwritten digits, its test part, as scikit-learn has it",
                "version": "1998",
                "licence": "CC BY 4.0",
                "url": "https://archive.ics.uci.edu/dataset/80",
                "author": "Ethem Alpaydin and Cenk Kaynak",
            }
        ],
        "captions": "Three sentences with the digit's name or figure, the same for all images of a digit.",
        "splits": "By image within each digit, ordered by a hash of seed and place in the data.",
        "facts": facts,
        "known_limits": [
            "Who wrote which digit is not known: the same hands wrote all splits.",
            "Images have 64 values: what a network for photographs sees in them is mostly blur.",
        ],
    }
