"""Token states of whole datasets, and their files."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from crossmodal.data.images import decode_split
from crossmodal.data.tables import read_table
from crossmodal.errors import UserError
from crossmodal.models import clip, dual_encoder, token_states
from crossmodal.models.architecture import CLIP
from crossmodal.progress import progress
from crossmodal.reranking.token_compression import Compression, fit_compression
from crossmodal.reranking.token_files import quantise, write_patches, write_words
from crossmodal.reranking.token_settings import TokenParameters

Floats = npt.NDArray[np.float32]


def fit_on(model: CLIP, split: Path, params: TokenParameters, batch_size: int) -> Compression:
    """Return the compression fitted on images and captions of the dataset file `split`, the training split."""
    tokens, _ = distinct_captions(model, split)
    words = (np.concatenate(batch) for _, batch in caption_states(model, tokens, batch_size))
    return fit_compression(image_states(model, split, params.grid, batch_size), words, params.width)


def export_patches(
    model: CLIP, split: Path, compression: Compression, params: TokenParameters, batch_size: int, path: Path
) -> int:
    """Write the compressed tokens of each image of the dataset file `split`, in its order; return how many images.

    Raises UserError where the compression is of a model of another width.
    """
    width = clip.embedding_size(model)
    if len(compression.image_mean) != width:
        raise UserError(
            f"token compression of {len(compression.image_mean)} dimensions, the model has {width}: fit it anew"
        )
    ids: list[str] = read_table(split, ["image_id"]).column("image_id").to_pylist()
    found = [compression.images(batch) for batch in image_states(model, split, params.grid, batch_size)]
    tokens = np.concatenate(found) if found else np.zeros((0, 1, compression.components.shape[1]), np.float32)
    write_patches(path, quantise(tokens, ids))
    return len(ids)


def export_words(model: CLIP, split: Path, batch_size: int, path: Path) -> int:
    """Write the token states of each caption of the dataset file `split`, in its order; return how many."""
    tokens, which = distinct_captions(model, split)
    states: dict[int, Floats] = {}
    for rows, batch in caption_states(model, tokens, batch_size):
        states.update(zip(rows, batch, strict=True))
    write_words(path, (states[row] for row in which), clip.embedding_size(model))
    return len(which)


def distinct_captions(model: CLIP, split: Path) -> tuple[Tensor, list[int]]:
    """Return the captions of the dataset file `split`, each once, int64 [m, context], and which each one is."""
    texts: list[list[str]] = read_table(split, ["captions"]).column("captions").to_pylist()
    flat = [text for own in texts for text in own]
    if not flat:
        return torch.zeros((0, clip.context_length(model)), dtype=torch.int64), []
    tokens, which = torch.unique(clip.tokenize(model, flat), dim=0, return_inverse=True)
    return tokens, which.tolist()


@torch.inference_mode()
def image_states(model: CLIP, split: Path, grid: int, batch_size: int) -> Iterator[Floats]:
    """Yield the states [b, p, d] of the images of the dataset file `split`, in its order."""
    device = next(model.parameters()).device
    pixels = decode_split(split, clip.image_size(model))
    for start in progress(range(0, len(pixels), batch_size), "tokens of images", unit="batch"):
        batch = torch.from_numpy(pixels[start : start + batch_size]).to(device)
        yield token_states.image_states(model, dual_encoder.to_pixels(batch), grid).cpu().numpy()


@torch.inference_mode()
def caption_states(model: CLIP, tokens: Tensor, batch_size: int) -> Iterator[tuple[list[int], list[Floats]]]:
    """Yield rows of `tokens` [m, context], those of like length together, and the states [l, d] of each."""
    device = next(model.parameters()).device
    order = (
        dual_encoder.lengths(tokens).argsort(stable=True)
        if len(tokens)
        else torch.zeros(0, dtype=torch.int64)
    )
    batches = order.split(batch_size) if len(order) else ()
    for rows in progress(batches, "states of captions", unit="batch"):
        states, counts = token_states.text_states(model, tokens[rows].to(device))
        host = states.cpu().numpy()
        lengths = counts.sum(dim=1).tolist()
        yield rows.tolist(), [host[i, :length] for i, length in enumerate(lengths)]
