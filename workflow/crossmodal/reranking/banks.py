"""What a bank of captions says of each image: how near the captions come to it, whatever is asked."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from crossmodal.errors import UserError
from crossmodal.models.embeddings import Vectors

SIMILARITIES = 2**24  # held at once: 64 MB


def largest_means(vectors: Vectors, bank: Vectors, counts: Sequence[int]) -> Vectors:
    """Return for each image the mean of its k largest inner products with `bank`, float32 [n, len(counts)].

    A column for each k of `counts`; a k above the size of the bank is the whole bank. `vectors` [n, d], `bank`
    [b, d], both float32 of unit length. Raises UserError where the bank is empty.
    """
    sizes = np.minimum(counts, _size(bank))
    most = int(max(sizes))
    means = np.empty((len(vectors), len(counts)), dtype=np.float32)
    for block, similar in _similarities(vectors, bank):
        largest = np.partition(similar, -most, axis=1)[:, -most:]
        sums = np.cumsum(np.sort(largest, axis=1)[:, ::-1], axis=1, dtype=np.float64)
        means[block] = sums[:, sizes - 1] / sizes
    return means


def soft_maxima(vectors: Vectors, bank: Vectors, temperatures: Sequence[float]) -> Vectors:
    """Return for each image and temperature T: T log mean exp(s / T) over its inner products s with `bank`.

    float32 [n, len(temperatures)]. It goes from the mean (large T) to the maximum (T near 0). Raises UserError
    where the bank is empty.
    """
    _size(bank)
    found = np.empty((len(vectors), len(temperatures)), dtype=np.float32)
    for block, similar in _similarities(vectors, bank):
        top = similar.max(axis=1, keepdims=True)
        for column, temperature in enumerate(temperatures):
            mean = np.exp((similar - top) / temperature).mean(axis=1, dtype=np.float64)
            found[block, column] = top[:, 0] + temperature * np.log(mean)
    return found


def nearest_images(vectors: Vectors, bank: Vectors) -> npt.NDArray[np.int64]:
    """Return the position of the image that is nearest to each caption of `bank`, int64 [b]."""
    nearest = np.empty(len(bank), dtype=np.int64)
    for block, similar in _similarities(bank, vectors):
        nearest[block] = similar.argmax(axis=1)
    return nearest


def _similarities(rows: Vectors, columns: Vectors) -> Iterator[tuple[slice, Vectors]]:
    """Yield the inner products of blocks of `rows` with all `columns`."""
    size = max(1, SIMILARITIES // max(1, len(columns)))
    for start in range(0, len(rows), size):
        block = slice(start, start + size)
        yield block, rows[block] @ columns.T


def _size(bank: Vectors) -> int:
    if not len(bank):
        raise UserError("the bank of training captions is empty; NNN and QB-Norm need at least one caption")
    return len(bank)
