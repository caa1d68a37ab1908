"""Embedding a whole dataset with one model."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from crossmodal.data.images import decode_split
from crossmodal.data.tables import read_table
from crossmodal.errors import UserError
from crossmodal.models import clip, dual_encoder
from crossmodal.models.architecture import CLIP
from crossmodal.models.embeddings import Vectors, read_embeddings, write_embeddings
from crossmodal.progress import progress


class Encoded:
    """What one model made of images and captions already seen: the sets of a job share much of theirs.

    A shift of the images leaves the captions as they are, and the other way round; other domains describe the
    same things in the same words; a tokenizer may know no capitals. Of images the last set is kept, of captions
    all.
    """

    def __init__(self) -> None:
        self._images: tuple[str, Vectors] | None = None
        self._captions: dict[bytes, npt.NDArray[np.float32]] = {}

    def remember(self, model: CLIP, split: Path, captions: Path) -> None:
        """Take the vectors of the captions of the dataset file `split` from the file that `model` wrote of them.

        Raises UserError where `captions` is not that dataset's.
        """
        table, found = read_table(split, ["image_id", "captions"]), read_embeddings(captions)
        texts: list[list[str]] = table.column("captions").to_pylist()
        if found.ids != _caption_ids(table.column("image_id").to_pylist(), texts):
            raise UserError(f"{captions}: holds other captions than {split}")
        flat = [text for own in texts for text in own]
        keys = (row.tobytes() for row in clip.tokenize(model, flat).numpy())
        self._captions.update(zip(keys, found.vectors, strict=True))

    def images(self, pixels: npt.NDArray[np.uint8], encode: Callable[[], Vectors]) -> Vectors:
        """Return the vectors of `pixels`, encoded now unless the last images were the very same."""
        digest = sha256(str(pixels.shape).encode() + pixels.tobytes()).hexdigest()
        if self._images is None or self._images[0] != digest:
            self._images = digest, encode()
        return self._images[1]

    def captions(self, tokens: Tensor, width: int, encode: Callable[[Tensor], Vectors]) -> Vectors:
        """Return the vectors [n, width] of `tokens` [n, context], of which new ones are encoded now, each once."""
        keys = [row.tobytes() for row in tokens.numpy()]
        new = {key: row for row, key in enumerate(keys) if key not in self._captions}
        if new:
            self._captions.update(zip(new, encode(tokens[list(new.values())]), strict=True))
        found = np.empty((len(keys), width), dtype=np.float32)
        for row, key in enumerate(keys):
            found[row] = self._captions[key]
        return found


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
        vectors = encoded.images(pixels, lambda: embed_images(model, pixels, batch_size))
        write_embeddings(images, image_ids, image_ids, labels, vectors, metadata)
        flat = [caption for captions_of_one in texts for caption in captions_of_one]
        owners = [i for i, captions_of_one in enumerate(texts) for _ in captions_of_one]
        ids = _caption_ids(image_ids, texts)
        width, tokens = clip.embedding_size(model), clip.tokenize(model, flat)
        vectors = encoded.captions(tokens, width, lambda new: embed_captions(model, new, batch_size))
        owner_ids, owner_labels = [image_ids[i] for i in owners], [labels[i] for i in owners]
        write_embeddings(captions, ids, owner_ids, owner_labels, vectors, metadata)
    finally:
        model.train(training)
    return len(image_ids), len(flat)


def _caption_ids(image_ids: list[str], texts: list[list[str]]) -> list[str]:
    return [
        f"{image_id}#{k}" for image_id, own in zip(image_ids, texts, strict=True) for k in range(len(own))
    ]


def embed_images(model: CLIP, images: npt.NDArray[np.uint8], batch_size: int) -> Vectors:
    """Return the embeddings, float32 [n, d] of unit length, of uint8 [n, size, size, 3] images."""

    def encode(batch: Any, device: torch.device) -> Tensor:
        return dual_encoder.encode_images(model, dual_encoder.to_pixels(torch.from_numpy(batch).to(device)))

    return _in_batches(model, images, batch_size, encode, "images")


def embed_captions(model: CLIP, tokens: Tensor, batch_size: int) -> Vectors:
    """Return the embeddings, float32 [n, d] of unit length, of captions as `tokens` int64 [n, context].

    Captions of like length are encoded together, since a batch is cut after its longest.
    """
    order = dual_encoder.lengths(tokens).argsort(stable=True)

    def encode(batch: Any, device: torch.device) -> Tensor:
        return dual_encoder.encode_texts(model, batch.to(device))

    vectors = np.empty((len(tokens), clip.embedding_size(model)), dtype=np.float32)
    vectors[order.numpy()] = _in_batches(model, tokens[order], batch_size, encode, "captions")
    return vectors


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
