"""NumPy's `.npy`: one array [n, d] of float16, float32 or float64, memory-mapped."""

from pathlib import Path
from typing import Any

import numpy as np

from crossmodal.errors import UserError
from crossmodal.search.formats.vector_file import VectorFile, array_blocks, check_shape, numbered

DESCRIPTION = "an array [n, d] as numpy.save writes it, .npy"


def accepts(path: Path) -> bool:
    """Return whether `path` is called like such a file."""
    return path.suffix == ".npy"


def read(path: Path) -> VectorFile:
    """Return the vectors in the file `path`."""
    array = mapped(path)
    count, dimension = check_shape(path, array.shape, array.dtype)
    return VectorFile(path, count, dimension, array_blocks(array), numbered(count))


def mapped(path: Path) -> Any:
    """Return the array in the .npy file `path`, memory-mapped; UserError where it is none or cut short."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise UserError(
            f"{path}: not a whole .npy file ({' '.join(str(error).split())}); write it again"
        ) from None
