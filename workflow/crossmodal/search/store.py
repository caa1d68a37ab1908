"""Vectors on disk, memory-mapped: rows of one or several files in order. Free of FAISS and torch.

A file is a plain `.npy` (version 1.0, C order) that `numpy.load(path, mmap_mode="r")` reads: float16 or float32
[n, d], or int8 [n, d] with float32 [n] beside it in `<stem>.scales.npy`, by which the rows are multiplied.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import numpy as np
import numpy.typing as npt

from crossmodal.errors import UserError
from crossmodal.models.embeddings import Vectors

Precision = Literal["float16", "int8"]
Positions = npt.NDArray[np.int64]

BLOCK = 65_536
HEADER = 128  # bytes: what NumPy writes for two dimensions, whatever their size
MAGIC = b"\x93NUMPY\x01\x00" + (HEADER - 10).to_bytes(2, "little")


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one file: `values` [n, d] as stored, times `scales` [n] if there are any."""

    values: npt.NDArray[Any]
    scales: Vectors | None = None

    def rows(self, at: Positions | slice) -> Vectors:
        """Return the rows at positions in this file, float32."""
        rows = self.values[at].astype(np.float32)
        if self.scales is not None:
            rows *= self.scales[at][..., None]
        return rows


class VectorStore:
    """n vectors of one width, the rows of its parts in order; as given: nothing here makes them unit length."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = tuple(parts)
        self._ends = np.cumsum([len(part.values) for part in self.parts])
        self.count = int(self._ends[-1])
        self.dimension = int(self.parts[0].values.shape[1])

    def rows(self, positions: Positions) -> Vectors:
        """Return the vectors at `positions` int64 [...], float32 [..., d]; IndexError beyond the last."""
        if len(self.parts) == 1:
            return self.parts[0].rows(positions)
        flat = positions.reshape(-1)
        if len(flat) and not 0 <= flat.min() <= flat.max() < self.count:
            raise IndexError(f"positions {flat.min()} to {flat.max()} of {self.count} vectors")
        order = np.argsort(flat, kind="stable")
        rising = flat[order]
        cuts = np.searchsorted(rising, self._ends, side="left").tolist()
        result = np.empty((len(flat), self.dimension), np.float32)
        begin, start = 0, 0
        for part, end, stop in zip(self.parts, cuts, self._ends.tolist(), strict=True):
            if end > begin:
                result[order[begin:end]] = part.rows(rising[begin:end] - start)
            begin, start = end, stop
        return result.reshape(*positions.shape, self.dimension)

    def scores(self, query: Vectors, positions: Positions) -> Vectors:
        """Return the inner products of `query` [d] with the vectors at `positions` [k], float32; -inf at -1."""
        products = self.rows(np.maximum(positions, 0)) @ query
        products[positions < 0] = -np.inf
        return cast(Vectors, products)

    def blocks(self, size: int = BLOCK) -> Iterator[tuple[int, Vectors]]:
        """Yield (first row, vectors float32 [b, d]) of all rows in order, b at most `size`."""
        start = 0
        for part in self.parts:
            for first in range(0, len(part.values), size):
                yield start + first, part.rows(slice(first, first + size))
            start += len(part.values)


def store_of(vectors: npt.NDArray[Any]) -> VectorStore:
    """Return `vectors`, float16 or float32 [n, d] in memory, as a store."""
    return VectorStore([Part(vectors)])


def open_store(paths: Sequence[Path]) -> VectorStore:
    """Return the rows of the files `paths` in order, memory-mapped.

    Raises UserError for a file that is missing, truncated or of another type, and for differing widths.
    """
    if not paths:
        raise UserError("no file of vectors is given")
    parts = [_open(path) for path in paths]
    widths = {path: part.values.shape[1] for path, part in zip(paths, parts, strict=True)}
    if len(set(widths.values())) > 1:
        odd = next(path for path in paths if widths[path] != widths[paths[0]])
        raise UserError(
            f"{odd}: vectors of {widths[odd]} dimensions beside {widths[paths[0]]} in {paths[0].name}"
        )
    return VectorStore(parts)


def scales_path(path: Path) -> Path:
    """Return where the scales of the int8 vectors at `path` lie."""
    return path.with_name(f"{path.stem}.scales.npy")


def write_store(path: Path, blocks: Iterable[Vectors], precision: Precision) -> None:
    """Write `blocks`, each float32 [b, d], as the rows of `path`; one block is held at a time.

    Half precision rounds a coordinate to 11 bits, int8 to 1/127 of the largest of its vector. The files appear
    when they are complete.
    """
    partial = path.with_name(path.name + ".partial")
    partial_scales = scales_path(path).with_suffix(".partial")
    try:
        scales = _write_rows(partial, blocks, np.dtype(precision))
        if precision == "int8":
            with partial_scales.open("wb") as file:
                np.save(file, scales)
            partial_scales.replace(scales_path(path))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
        partial_scales.unlink(missing_ok=True)


def _write_rows(path: Path, blocks: Iterable[Vectors], dtype: np.dtype[Any]) -> Vectors:
    """Write the rows and return their scales, float32 [n], of which there are none but for int8."""
    count, width, scales = 0, 0, [np.empty(0, np.float32)]
    with path.open("wb") as file:
        file.write(bytes(HEADER))
        for block in blocks:
            count, width = count + len(block), block.shape[1]
            if dtype == np.int8:
                scale = np.abs(block).max(axis=1) / np.float32(127)
                scales.append(scale)
                block = np.rint(block / np.maximum(scale, np.finfo(np.float32).tiny)[:, None])
            file.write(np.ascontiguousarray(block, dtype=dtype).data)
        _write_header(file, dtype, (count, width))
    return np.concatenate(scales)


def _write_header(file: BinaryIO, dtype: np.dtype[Any], shape: tuple[int, int]) -> None:
    """Write the header of a `.npy` of version 1.0 over the first bytes of `file`."""
    described = f"{{'descr': '{dtype.str}', 'fortran_order': False, 'shape': {shape}, }}"
    file.seek(0)
    file.write(MAGIC + described.encode().ljust(HEADER - len(MAGIC) - 1) + b"\n")


def _open(path: Path) -> Part:
    values = _map(path)
    if values.ndim != 2 or values.dtype not in (np.float16, np.float32, np.int8):
        raise UserError(
            f"{path}: {values.dtype} {list(values.shape)} is no table of vectors (float16, float32 or int8 [n, d])"
        )
    if values.dtype != np.int8:
        return Part(values)
    scales = _map(scales_path(path))
    if scales.dtype != np.float32 or scales.shape != values.shape[:1]:
        raise UserError(f"{scales_path(path)}: does not hold the {len(values)} scales of {path.name}")
    return Part(values, np.array(scales))


def _map(path: Path) -> npt.NDArray[Any]:
    """Return a memory map as a plain array: the class of NumPy's maps costs microseconds at each look-up."""
    try:
        return np.asarray(np.load(path, mmap_mode="r"))
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file of vectors") from None
    except (OSError, ValueError, EOFError) as error:
        reason = str(error).splitlines()[0] if str(error) else "it is empty"
        raise UserError(f"{path}: not a whole .npy of vectors ({reason}); write it again") from None
