"""What probes read of datasets, and their vectors with the names that scoring needs."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crossmodal.data.images import Pixels, decode
from crossmodal.data.tables import Example, read_examples
from crossmodal.errors import UserError

SIZE = 32
"""Side of the images that are compared, px."""


class Encoded(NamedTuple):
    """Vectors of images or of captions; scores are their inner products, so their lengths count."""

    ids: list[str]
    """The image's id, or "<image_id>#<k>" for its caption k."""
    image_ids: list[str]
    labels: list[str]
    vectors: NDArray[np.float32]
    """[n, d]."""


def read_known(paths: Iterable[Path]) -> list[Example]:
    """Return the examples that a probe looks things up in, file by file; UserError if there is none."""
    files = list(paths)
    found = [example for path in files for example in read_examples(path)]
    if not found:
        raise UserError(f"{', '.join(map(str, files))}: nothing to look up; the split is empty")
    return found


def captions_of(examples: Iterable[Example]) -> list[str]:
    """Return all captions, image by image."""
    return [caption for example in examples for caption in example.captions]


def as_text(captions: Iterable[str]) -> str:
    """Return captions as one text, a line each; one that several have stands there once."""
    return "\n".join(dict.fromkeys(captions))


def pixels_of(examples: Sequence[Example]) -> Pixels:
    """Return the images as uint8 [n, SIZE, SIZE, 3] in RGB order."""
    return np.stack([decode(example.image, SIZE) for example in examples])


def encoded(
    examples: Sequence[Example], images: NDArray[np.float32], captions: NDArray[np.float32]
) -> tuple[Encoded, Encoded]:
    """Return vectors of the images [n, d] and of all their captions [m, d], image by image, with their names."""
    owners = [(example, place) for example in examples for place in range(len(example.captions))]
    ids = [example.image_id for example in examples]
    return (
        Encoded(ids, ids, [example.label for example in examples], images),
        Encoded(
            [f"{example.image_id}#{place}" for example, place in owners],
            [example.image_id for example, _ in owners],
            [example.label for example, _ in owners],
            captions,
        ),
    )
