"""`.fbin` of the big-ann benchmarks: two uint32 (rows, width), then float32 row by row, little-endian."""

from pathlib import Path

import numpy as np

from crossmodal.errors import UserError
from crossmodal.search.formats.vector_file import VectorFile, array_blocks, check_shape, numbered

DESCRIPTION = "rows and width as two uint32, then float32 row by row, .fbin"
HEADER = 8


def accepts(path: Path) -> bool:
    """Return whether `path` is called like such a file."""
    return path.suffix == ".fbin"


def read(path: Path) -> VectorFile:
    """Return the vectors in the file `path`, memory-mapped."""
    with path.open("rb") as file:
        header = file.read(HEADER)
    if len(header) < HEADER:
        raise UserError(f"{path}: {len(header)} bytes; a .fbin file starts with rows and width as two uint32")
    count, dimension = (int(n) for n in np.frombuffer(header, "<u4"))
    check_shape(path, (count, dimension), np.float32)
    size, wanted = path.stat().st_size, HEADER + 4 * count * dimension
    if size != wanted:
        raise UserError(
            f"{path}: {size} bytes, but its header says {count} vectors of {dimension} float32,"
            f" which are {wanted}; it is cut short or of another type: write it again"
        )
    array = np.memmap(path, "<f4", mode="r", offset=HEADER, shape=(count, dimension))
    return VectorFile(path, count, dimension, array_blocks(array), numbered(count))
