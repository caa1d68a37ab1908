"""HDF5 of ann-benchmarks: `train` [n, d], `test` [q, d], and their true `neighbors` and `distances`.

`train` are the vectors and `test` the queries. The neighbours are not read: an index here is measured against
exhaustive search by inner product, whatever distance the file was made with.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from crossmodal.errors import UserError
from crossmodal.models.embeddings import Vectors
from crossmodal.search.formats.vector_file import VectorFile, check_shape, numbered, starts

DESCRIPTION = "ann-benchmarks' layout with train, test, neighbors and distances, .hdf5 or .h5"
VECTORS, QUERIES = "train", "test"


def accepts(path: Path) -> bool:
    """Return whether `path` is called like such a file."""
    return path.suffix in (".hdf5", ".h5")


def read(path: Path) -> VectorFile:
    """Return the vectors `train` of the file `path`, with `test` as `tests`."""
    known = _names(path)
    return _part(path, VECTORS, known)


def _part(path: Path, name: str, known: list[str]) -> VectorFile:
    if name not in known:
        raise UserError(
            f"{path}: no data set {name!r} (has {', '.join(known) or 'none'}); it must be {DESCRIPTION}"
        )
    with h5py.File(path, "r") as file:
        count, dimension = check_shape(path, file[name].shape, file[name].dtype)

    def blocks(size: int) -> Iterator[Vectors]:
        try:
            with h5py.File(path, "r") as opened:
                for rows in starts(count, size):
                    yield np.ascontiguousarray(opened[name][rows], dtype=np.float32)
        except OSError as error:
            raise _unreadable(path, error) from None

    tests = (lambda: _part(path, QUERIES, known)) if name == VECTORS and QUERIES in known else None
    return VectorFile(path, count, dimension, blocks, numbered(count), tests=tests)


def _names(path: Path) -> list[str]:
    """Return the names of the arrays at the top of the file."""
    try:
        with h5py.File(path, "r") as file:
            return [name for name, value in file.items() if isinstance(value, h5py.Dataset)]
    except (OSError, KeyError, RuntimeError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Any) -> UserError:
    reason = " ".join(str(error).split())
    return UserError(f"{path}: not a whole HDF5 file ({reason}); fetch or write it again")
