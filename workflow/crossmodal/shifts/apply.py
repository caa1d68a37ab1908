"""A shifted copy of a dataset file: every image changed, everything else kept."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from crossmodal import registry
from crossmodal.data.images import encode_png, open_rgb
from crossmodal.data.tables import Example, read_examples, write_examples
from crossmodal.errors import UserError
from crossmodal.parameters import Parameters
from crossmodal.progress import progress


def image_generator(seed: int, image_id: str) -> np.random.Generator:
    """Return the generator of one image: it depends on seed and id, not on the order of the file.

    All shifts of an image begin with the same draws, so that severities differ by their strength alone.
    """
    digest = hashlib.sha256(f"{seed}:{image_id}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def shift_split(source: Path, destination: Path, params: Parameters, seed: int) -> int:
    """Write the dataset file `source` under the shift `params` to `destination`; return the number of images.

    Images are changed at the size they are stored in and written as PNG. The schema's metadata holds the
    shift's parameters and the seed. Raises UserError if `source` or an image in it cannot be read.
    """
    kind = str(params.model_dump()["kind"])
    apply = registry.load("shifts", kind).apply

    def shifted() -> Iterator[Example]:
        for example in progress(read_examples(source), f"{kind} {source.stem}", unit="image"):
            try:
                pixels = np.asarray(open_rgb(example.image))
            except ValueError as error:
                raise UserError(
                    f"{source}: image {example.image_id}: {error}; build the dataset again"
                ) from None
            changed = apply(pixels, params, image_generator(seed, example.image_id))
            yield replace(example, image=encode_png(changed), path=_png_name(example.path))

    described = {"shift": json.dumps(params.model_dump(), sort_keys=True), "seed": str(seed)}
    return write_examples(destination, shifted(), described)


def _png_name(path: str) -> str:
    return str(PurePosixPath(path).with_suffix(".png")) if PurePosixPath(path).name else path
