"""NNN (Chowdhury et al. 2024, arXiv 2410.24114): an item loses what it is similar to captions of any kind.

The corrected score of query q and item x is q.x - w b(x), with b(x) the mean of the k largest similarities of x to
training captions. It is exact as one more dimension, [x, -w b(x)].[q, 1], so any inner-product index can hold it.
"""

from pathlib import Path

import numpy as np

from crossmodal.errors import UserError
from crossmodal.models.embeddings import Vectors
from crossmodal.search.store import VectorStore, store_of

SIMILARITIES = 2**25  # held at once: 128 MB


def nnn_bias(vectors: Vectors | VectorStore, captions: Vectors, k: int, weight: float = 1.0) -> Vectors:
    """Return -weight times the mean similarity of each item to its k nearest `captions` [b, d], float32 [n].

    k is cut to the number of captions. These must be training captions, never those of a test.
    """
    store = vectors if isinstance(vectors, VectorStore) else store_of(vectors)
    k = min(k, len(captions))
    found = np.empty(store.count, np.float32)
    for first, block in store.blocks(max(1, min(2**16, SIMILARITIES // len(captions)))):
        similarities = block @ captions.T
        best = np.partition(similarities, -k, axis=1)[:, -k:]
        found[first : first + len(block)] = -np.float32(weight) * best.mean(axis=1)
    return found


def append_bias(vectors: Vectors, bias: Vectors, width: int = 1) -> Vectors:
    """Return the items with `width` more columns, float32 [n, d + width]: `bias` [n], then zeros."""
    return _append(vectors, bias, width)


def append_one(queries: Vectors, width: int = 1) -> Vectors:
    """Return the queries with `width` more columns, float32 [q, d + width]: 1, then zeros."""
    return _append(queries, np.float32(1), width)


def _append(vectors: Vectors, value: Vectors | np.float32, width: int) -> Vectors:
    result = np.zeros((len(vectors), vectors.shape[1] + width), np.float32)
    result[:, : vectors.shape[1]] = vectors
    result[:, vectors.shape[1]] = value
    return result


def bias_path(index: Path) -> Path:
    """Return where NNN's correction of the items of an index lies."""
    return index.with_name("bias.npy")


def write_bias(path: Path, bias: Vectors) -> None:
    """Write `bias`, float32 [n], as a `.npy`."""
    with path.open("wb") as file:  # a name without .npy, as of an unfinished file, stays as it is
        np.save(file, bias)


def read_bias(path: Path) -> Vectors:
    """Return the bias at `path`; UserError where it is missing or broken."""
    try:
        bias = np.load(path)
    except (OSError, ValueError, EOFError):
        raise UserError(f"{path}: not the correction of an index with NNN; build it again") from None
    if bias.ndim != 1 or bias.dtype != np.float32:
        raise UserError(f"{path}: not the correction of an index with NNN; build it again")
    found: Vectors = bias
    return found
