"""Embedding a whole dataset with one model."""

from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from crossmodal.data.images import decode_split
from crossmodal.data.tables import read_table
from crossmodal.models import clip, dual_encoder
from crossmodal.models.architecture import CLIP
from crossmodal.models.embeddings import Vectors, write_embeddings
from crossmodal.progress import progress


class Encoded:
    """What one model made of images and captions already seen: sets under shift share half of theirs.

    A shift of the images leaves the captions as they are, and the other way round. Only the last of each is
    kept: the sets of a job stand side by side.
    """

    def __init__(self) -> None:
        self._last: dict[str, tuple[str, Vectors]] = {}

    def of(self, what: str, content: Iterable[bytes], encode: Callable[[], Vectors]) -> Vectors:
        """Return the vectors of `content`, encoded now unless the last `what` had the very same content."""
        digest = sha256()
        for part in content:
            digest.update(len(part).to_bytes(8, "big") + part)
        key = digest.hexdigest()
        if self._last.get(what, ("",))[0] != key:
            self._last[what] = (key, encode())
        return self._last[what][1]


def export_embeddings(
    model: CLIP, split: Path, images: Path, captions: Path, batch_size: int, metadata: dict[str, str],
    encoded: Encoded | None = None,
) -> tuple[int, int]:  # fmt: skip
    """Embed the dataset file `split` with `model` and write the files `images` and `captions`.

    The model works in eval() on the device it is on and is left in the mode it had. `encoded` carries what is
    equal from set to set. Returns how many images and captions there were.
    """
    encoded = encoded or Encoded()
    table = read_table(split, ["image_id", "captions", "label"])
    image_ids: list[str] = table.column("image_id").to_pylist()
    labels: list[str] = table.column("label").to_pylist()
    texts: list[list[str]] = table.column("captions").to_pylist()
    training = model.training
    model.eval()
    try:
        pixels = decode_split(split, clip.image_size(model))
        pictures = [pixels.tobytes()]
        vectors = encoded.of("images", pictures, lambda: embed_images(model, pixels, batch_size))
        write_embeddings(images, image_ids, image_ids, labels, vectors, metadata)
        flat = [caption for captions_of_one in texts for caption in captions_of_one]
        owners = [i for i, captions_of_one in enumerate(texts) for _ in captions_of_one]
        ids = [f"{image_ids[i]}#{k}" for i, one in enumerate(texts) for k in range(len(one))]
        words = [caption.encode() for caption in flat]
        vectors = encoded.of("captions", words, lambda: embed_captions(model, flat, batch_size))
        owner_ids, owner_labels = [image_ids[i] for i in owners], [labels[i] for i in owners]
        write_embeddings(captions, ids, owner_ids, owner_labels, vectors, metadata)
    finally:
        model.train(training)
    return len(image_ids), len(flat)


def embed_images(model: CLIP, images: npt.NDArray[np.uint8], batch_size: int) -> Vectors:
    """Return the embeddings, float32 [n, d] of unit length, of uint8 [n, size, size, 3] images."""

    def encode(batch: Any, device: torch.device) -> Tensor:
        return dual_encoder.encode_images(model, dual_encoder.to_pixels(torch.from_numpy(batch).to(device)))

    return _in_batches(model, images, batch_size, encode, "images")


def embed_captions(model: CLIP, captions: list[str], batch_size: int) -> Vectors:
    """Return the embeddings, float32 [n, d] of unit length, of `captions`."""

    def encode(batch: Any, device: torch.device) -> Tensor:
        return dual_encoder.encode_texts(model, clip.tokenize(model, batch).to(device))

    return _in_batches(model, captions, batch_size, encode, "captions")


@torch.inference_mode()
def _in_batches(
    model: CLIP, items: Any, batch_size: int, encode: Callable[[Any, torch.device], Tensor], label: str
) -> Vectors:
    device = next(model.parameters()).device
    out = np.empty((len(items), clip.embedding_size(model)), dtype=np.float32)
    for start in progress(range(0, len(items), batch_size), f"embedding {label}", unit="batch"):
        batch = items[start : start + batch_size]
        out[start : start + len(batch)] = encode(batch, device).cpu().numpy()
    return out
