"""What an evaluation under attack works on: a split with its clean embeddings, and which of it asks."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from crossmodal.data.images import Pixels, decode_split
from crossmodal.data.tables import read_table
from crossmodal.errors import UserError
from crossmodal.experiments.robustness.threats import ThreatParameters
from crossmodal.experiments.robustness.units import read_captions
from crossmodal.models import clip
from crossmodal.models.architecture import CLIP
from crossmodal.models.dual_encoder import mean_token_norm
from crossmodal.models.embeddings import Embeddings, read_embeddings
from crossmodal.models.export import export_embeddings

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class AttackedSplit:
    """n images and m captions, as one model sees them."""

    pixels: Pixels
    """uint8 [n, size, size, 3]."""
    texts: list[str]
    """The m captions, those of one image side by side."""
    images: Embeddings
    """The n images, clean, as they are read from a file."""
    captions: Embeddings
    """The m captions, likewise."""
    image_labels: Places
    """[n]; equal numbers, here and in `caption_labels`, are positives of one another."""
    caption_labels: Places
    """[m]."""
    asking_images: Places
    """Places of the images that are queries, ascending."""
    asking_captions: Places
    """Places of the captions that are queries, ascending."""
    unit: float
    """The norm that epsilon of an attack on token embeddings counts in."""


def read_split(
    model: CLIP, split: Path, params: ThreatParameters, unit: float | None = None,
    embedded: tuple[Path, Path] | None = None,
) -> AttackedSplit:  # fmt: skip
    """Return the dataset file `split` with the embeddings of `model`, and the queries that `params` choose.

    `embedded` are the files of these embeddings, of the images and of the captions; if not given, they are made.
    `unit` is `mean_token_norm` of the base model and the captions that cells are adapted with; if not given, that
    of `model` and of the split's own captions. Raises UserError where it cannot be read, holds no image or no
    caption, or is not what the embeddings are of.
    """
    with TemporaryDirectory() as folder:  # through files: these are the embeddings that a study evaluates
        if embedded is None:
            embedded = Path(folder, "images.parquet"), Path(folder, "captions.parquet")
            export_embeddings(model, split, *embedded, params.batch_size, {})
        images, captions = (read_embeddings(path) for path in embedded)
    pixels, texts = decode_split(split, clip.image_size(model)), read_captions(split)
    own = read_table(split, ["image_id"]).column("image_id").to_pylist()
    if images.ids != own or len(captions.ids) != len(texts) or not set(captions.image_ids) <= set(own):
        raise UserError(f"{embedded[0].parent}: embeddings of other images or captions than {split} holds")
    for name, table in (("image", images), ("caption", captions)):
        if not table.ids:
            raise UserError(f"{split}: holds no {name}, so there is nothing to attack")
    _, labels = np.unique([*images.labels, *captions.labels], return_inverse=True)
    return AttackedSplit(
        pixels, texts,
        images, captions, labels[: len(images.ids)], labels[len(images.ids) :],
        *choose_queries(images.ids, captions, params),
        mean_token_norm(model, clip.tokenize(model, texts)) if unit is None else unit,
    )  # fmt: skip


def choose_queries(
    image_ids: Sequence[str], captions: Embeddings, params: ThreatParameters
) -> tuple[Places, Places]:
    """Return the places of the images and of the captions that ask, both ascending.

    They follow from the seed and the ids, not from the order of the file, so that every cell gets the same and a
    smaller number of images is part of a larger one.
    """

    def draw(name: str) -> bytes:
        return hashlib.sha256(f"{params.seed}:{name}".encode()).digest()

    order = sorted(range(len(image_ids)), key=lambda place: draw(image_ids[place]))
    images = sorted(order[: params.images])
    own: dict[str, list[int]] = {image_ids[place]: [] for place in images}
    for place, owner in enumerate(captions.image_ids):
        if owner in own:
            own[owner].append(place)
    if params.captions == "one":
        own = {
            owner: sorted(places, key=lambda p: draw(captions.ids[p]))[:1] for owner, places in own.items()
        }
    asking = sorted(place for places in own.values() for place in places)
    return np.array(images, dtype=np.int64), np.array(asking, dtype=np.int64)
