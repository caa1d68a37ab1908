"""A shifted copy of a dataset file: every image changed, or every caption, and everything else kept.

A kind of shift says in `space` what it changes. One with `space = "images"` is a module with
apply(image, params, rng) -> image, one with `space = "texts"` with apply_text(caption, params, rng) -> caption.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from crossmodal import registry
from crossmodal.data.images import encode_png, open_rgb
from crossmodal.data.tables import Example, read_examples, write_examples
from crossmodal.errors import UserError
from crossmodal.parameters import Parameters
from crossmodal.progress import progress
from crossmodal.shifts.base import LARGEST_LOSS
from crossmodal.shifts.captions import unambiguous
from crossmodal.shifts.losses import Losses


def image_generator(seed: int, image_id: str) -> np.random.Generator:
    """Return the generator of one image: it depends on seed and id, not on the order of the file.

    All shifts of an image begin with the same draws, so that severities differ by their strength alone.
    """
    return _generator(f"{seed}:{image_id}")


def caption_generator(seed: int, image_id: str, index: int) -> np.random.Generator:
    """Return the generator of the caption `index` (from 0) of one image, in the manner of `image_generator`."""
    return _generator(f"{seed}:{image_id}#{index}")


def _generator(key: str) -> np.random.Generator:
    digest = hashlib.sha256(key.encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def shift_split(source: Path, destination: Path, params: Parameters, seed: int) -> int:
    """Write the dataset file `source` under the shift `params` to `destination`; return the number of images.

    A shift of images changes them at the size they are stored in and writes PNG; captions stay. A shift of
    texts changes captions, all but those that would become ambiguous (captions.py); the bytes of the images stay.
    The schema's metadata holds the shift's parameters and the seed; that of the file what a shift of images lost
    (key `lost`, see losses.py), and which captions one of texts left as they were (key `ambiguous`).
    Raises UserError if `source` or an image in it cannot be read, or if the shift blanks or merges more images
    than its `largest_loss` allows.
    """
    kind = str(params.model_dump()["kind"])
    module = registry.load("shifts", kind)
    texts = params.space == "texts"  # type: ignore[attr-defined]  # every kind's parameters have it
    losses = Losses()

    def shifted() -> Iterator[Example]:
        for example in progress(read_examples(source), f"{kind} {source.stem}", unit="image"):
            try:
                if texts:
                    yield _with_captions(example, module.apply_text, params, seed)
                else:
                    yield _with_image(example, module.apply, params, seed, losses)
            except ValueError as error:
                raise UserError(
                    f"{source}: image {example.image_id}: {error}; build the dataset again"
                ) from None

    described = {"shift": json.dumps(params.model_dump(), sort_keys=True), "seed": str(seed)}
    if texts:
        told, ambiguous = unambiguous(read_examples(source), list(shifted()))
        return write_examples(destination, told, described, lambda: {"ambiguous": json.dumps(ambiguous)})
    count = write_examples(destination, shifted(), described, lambda: {"lost": json.dumps(losses.found())})
    losses.check(f"{source}: the shift {kind}", getattr(params, "largest_loss", LARGEST_LOSS))
    return count


def losses_of(path: Path) -> dict[str, list[str]]:
    """Return what the shift of the dataset file at `path` lost (losses.py); empty where none was applied."""
    return dict(_told(path, b"lost") or {})


def ambiguous_of(path: Path) -> list[str]:
    """Return the ids of the captions that the shift of the dataset file at `path` left as they were."""
    return list(_told(path, b"ambiguous") or [])


def _told(path: Path, key: bytes) -> Any:
    return json.loads((pq.read_metadata(path).metadata or {}).get(key, b"null"))


def _with_image(
    example: Example, apply: Callable[..., Any], params: Parameters, seed: int, losses: Losses
) -> Example:
    pixels = np.asarray(open_rgb(example.image))
    changed = apply(pixels, params, image_generator(seed, example.image_id))
    losses.add(example.image_id, pixels, changed)
    return replace(example, image=encode_png(changed), path=_png_name(example.path))


def _with_captions(example: Example, apply: Callable[..., str], params: Parameters, seed: int) -> Example:
    captions = [
        apply(caption, params, caption_generator(seed, example.image_id, index))
        for index, caption in enumerate(example.captions)
    ]
    return replace(example, captions=captions)


def _png_name(path: str) -> str:
    return str(PurePosixPath(path).with_suffix(".png")) if path and PurePosixPath(path).name else path
