"""Small splits of drawings under captions, for tests of the probes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from crossmodal.data.images import Pixels, encode_png
from crossmodal.data.tables import Example, write_examples


def drawings(count: int, seed: int) -> list[Pixels]:
    """Return images of random pixels, uint8 [32, 32, 3], the same for the same seed."""
    draw = np.random.default_rng(seed)
    return [draw.integers(0, 256, (32, 32, 3), dtype=np.uint8) for _ in range(count)]


def write_split(
    path: Path,
    images: Sequence[Pixels],
    captions: Mapping[str, Sequence[str]],
    groups: Sequence[str] | None = None,
) -> Path:
    """Write a split with an image for each label of `captions`, of the ids x/0, x/1 ..., and return its path."""
    examples = [
        Example(f"x/{place}", encode_png(image), "", list(own), label, group, "")
        for place, (image, (label, own), group) in enumerate(
            zip(images, captions.items(), groups or [""] * len(images), strict=True)
        )
    ]
    write_examples(path, examples)
    return path
