"""Pictures and captions to vectors, shard by shard: reading and decoding go on while the model computes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from crossmodal.commands.picture_source import Picture, PictureSource
from crossmodal.commands.prefetch import mapped_ahead, prefetch
from crossmodal.data.images import Pixels, decode
from crossmodal.errors import UserError
from crossmodal.models import clip, dual_encoder
from crossmodal.models.embeddings import Vectors
from crossmodal.progress import progress
from crossmodal.search.formats.shard import Shard

if TYPE_CHECKING:
    from crossmodal.models.architecture import CLIP

AHEAD, TEXTS = 2, 1024
"""Batches that are decoded and wait for the model, and captions that wait for others of like length."""
GROUP = 16
"""Images that a thread of a CPU computes at once: what 64 leave behind does not fit its caches."""


@dataclass(frozen=True, slots=True)
class EmbedSettings:
    """How a source is embedded; nothing here changes a vector but for the last bits."""

    batch_size: int = 64
    """Images or captions that are given to the model together."""
    workers: int = 2
    """Threads that read and decode."""
    shard_size: int = 16_384
    """Images in one file, and in memory as vectors."""
    captions: bool = True
    skip_broken: bool = False
    """Leave out an image that cannot be decoded, instead of ending the work."""


@dataclass(slots=True)
class Counts:
    """What was embedded."""

    images: int = 0
    captions: int = 0
    skipped: list[str] = field(default_factory=list)
    """Why each image that is left out could not be read."""


class Decoded(NamedTuple):
    """A picture without its bytes, and its pixels, uint8 [s, s, 3]; or why there are none."""

    picture: Picture
    pixels: Pixels | None
    problem: str = ""


def embed_pictures(
    model: "CLIP", source: PictureSource, settings: EmbedSettings, write: Callable[[Shard], None]
) -> Counts:
    """Embed `source` with `model`, which is in eval(), and give each shard to `write`; return the counts.

    In memory are one shard's vectors and a few batches of pixels, however large the source is. Raises UserError
    for an image that cannot be read, unless such are to be left out, and where no image is left.
    """
    counts, part = Counts(), _Part()
    shards = ceil(source.count / settings.shard_size)
    batches = prefetch(_batches(source, clip.image_size(model), settings, counts), AHEAD)
    whole, rest = divmod(source.count, settings.shard_size)
    total = whole * ceil(settings.shard_size / settings.batch_size) + ceil(rest / settings.batch_size)
    for batch in progress(batches, "embedding", total=total, unit="batch"):
        pictures = [decoded.picture for decoded in batch]
        pixels = np.stack([decoded.pixels for decoded in batch if decoded.pixels is not None])
        part.add(pictures, encode_pixels(model, pixels), settings.captions)
        full = len(part.pictures) == settings.shard_size
        if full or len(part.waiting) >= TEXTS:
            part.add_captions(encode_texts(model, part.waiting, settings.batch_size))
        if full:
            write(part.shard(counts, shards))
            part = _Part(part.number + 1)
    if part.pictures:
        part.add_captions(encode_texts(model, part.waiting, settings.batch_size))
        write(part.shard(counts, shards))
    if not counts.images:
        raise UserError(f"no image could be read; the first: {counts.skipped[0]}")
    return counts


@dataclass(slots=True)
class _Part:
    """A shard that is being filled."""

    number: int = 0
    pictures: list[Picture] = field(default_factory=list)
    images: list[Vectors] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    captions: list[Vectors] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    """The last of `texts`, which are not embedded yet."""

    def add(self, pictures: list[Picture], images: Vectors, captions: bool) -> None:
        for row, picture in enumerate(pictures if captions else (), start=len(self.pictures)):
            self.owners += [row] * len(picture.captions)
            self.waiting += picture.captions
        self.pictures += pictures
        self.images.append(images)

    def add_captions(self, vectors: Vectors) -> None:
        self.texts += self.waiting
        self.captions.append(vectors)
        self.waiting = []

    def shard(self, counts: Counts, shards: int) -> Shard:
        """Return the shard, all captions of which are embedded, and count what is in it."""
        counts.images += len(self.pictures)
        counts.captions += len(self.texts)
        return Shard(
            number=self.number,
            shards=shards,
            image_ids=[picture.image_id for picture in self.pictures],
            labels=[picture.label for picture in self.pictures],
            names=[picture.name for picture in self.pictures],
            paths=[picture.place for picture in self.pictures],
            images=np.concatenate(self.images),
            owners=self.owners,
            texts=self.texts,
            captions=np.concatenate(self.captions),
        )


def _batches(
    source: PictureSource, size: int, settings: EmbedSettings, counts: Counts
) -> Iterator[list[Decoded]]:
    """Yield decoded pictures in batches, each within one shard; of one that is left out its problem is kept."""

    def work(picture: Picture) -> Decoded:
        kept = replace(picture, load=_no_bytes)
        try:
            return Decoded(kept, decode(picture.load(), size))
        except (ValueError, UserError) as error:
            return Decoded(kept, None, f"{picture.place}: image {picture.image_id}: {error}")

    batch: list[Decoded] = []
    left = settings.shard_size
    for decoded in mapped_ahead(work, source.stream(), settings.workers):
        if decoded.pixels is None:
            if not settings.skip_broken:
                raise UserError(f"{decoded.problem}; mend it, or leave such images out with --skip-broken")
            counts.skipped.append(decoded.problem)
            continue
        batch.append(decoded)
        if len(batch) in (settings.batch_size, left):
            yield batch
            left = left - len(batch) or settings.shard_size
            batch = []
    if batch:
        yield batch


def _no_bytes() -> bytes:
    raise ValueError("the bytes of a picture are not kept")


@torch.inference_mode()
def encode_pixels(model: "CLIP", pixels: Pixels) -> Vectors:
    """Return the embeddings, float32 [b, d] of unit length, of uint8 [b, s, s, 3] images."""
    device = next(model.parameters()).device
    images = torch.from_numpy(pixels).to(device)
    at_once = GROUP * torch.get_num_threads() if device.type == "cpu" else len(images)
    found = [
        dual_encoder.encode_images(model, dual_encoder.to_pixels(group)) for group in images.split(at_once)
    ]
    vectors: Vectors = torch.cat(found).cpu().numpy()
    return vectors


@torch.inference_mode()
def encode_texts(model: "CLIP", texts: list[str], batch_size: int) -> Vectors:
    """Return the embeddings, float32 [m, d] of unit length, of `texts`, each different one encoded once.

    Those of like length are encoded together, since a batch is cut after its longest.
    """
    width = clip.embedding_size(model)
    if not texts:
        return np.empty((0, width), dtype=np.float32)
    tokens, row_of = clip.tokenize(model, texts).unique(dim=0, return_inverse=True)
    order = dual_encoder.lengths(tokens).argsort(stable=True)
    device = next(model.parameters()).device
    vectors = np.empty((len(tokens), width), dtype=np.float32)
    for rows in order.split(batch_size):
        vectors[rows.numpy()] = dual_encoder.encode_texts(model, tokens[rows].to(device)).cpu().numpy()
    found: Vectors = vectors[row_of.numpy()]
    return found
