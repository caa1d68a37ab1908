"""Vectors of any file format as one thing: rows that are read in blocks, and what is known of each row.

A format is one module here, `<name>_format.py`, with

- `DESCRIPTION`, what such a file is, for messages;
- `accepts(path)`, whether a file or folder looks like one, by its name and without reading it;
- `read(path)`, its `VectorFile`; a UserError where it is not what it looks like.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from crossmodal.errors import UserError
from crossmodal.models.embeddings import Vectors

BLOCK = 65_536
"""Rows held at once: 128 MB at width 512."""

ITEMS = pa.schema([(name, pa.string()) for name in ("id", "image_id", "label", "name", "path", "caption")])
"""What is known of a row. `path` is where its picture is (formats/pictures.py); it and `caption` may be null."""


@dataclass(frozen=True, slots=True)
class VectorFile:
    """A file or folder of `count` vectors, of which nothing but its size has been read yet."""

    path: Path
    count: int
    dimension: int
    blocks: Callable[[int], Iterator[Vectors]]
    """Of a number of rows: all rows in order, float32 [b, d], at most so many at once, as they are stored."""
    items: Callable[[int], Iterator[pa.Table]]
    """The same of what is known of the rows: tables of the schema ITEMS."""
    metadata: dict[str, str] = field(default_factory=dict)
    """What the file says of itself, such as the digests `model` and `dataset`."""
    captions: "Callable[[], VectorFile] | None" = None
    """Vectors of texts that stand beside these and describe them."""
    tests: "Callable[[], VectorFile] | None" = None
    """A benchmark's queries, by which nothing may be chosen unless somebody asks for it."""


def starts(count: int, size: int) -> Iterator[slice]:
    """Yield the slices of at most `size` rows that make up `count` rows."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def array_blocks(array: Any) -> Callable[[int], Iterator[Vectors]]:
    """Return `VectorFile.blocks` of anything that gives rows for a slice, such as a memory map."""

    def blocks(size: int) -> Iterator[Vectors]:
        for rows in starts(len(array), size):
            yield np.ascontiguousarray(array[rows], dtype=np.float32)

    return blocks


def numbered(count: int) -> Callable[[int], Iterator[pa.Table]]:
    """Return `VectorFile.items` of rows of which nothing is known: their number, from 0, is their name."""

    def items(size: int) -> Iterator[pa.Table]:
        for rows in starts(count, size):
            numbers = pa.array(map(str, range(rows.start, rows.stop)), pa.string())
            yield items_table({name: numbers for name in ("id", "image_id", "label", "name")}, len(numbers))

    return items


def items_table(columns: dict[str, Any], count: int) -> pa.Table:
    """Return a table of the schema ITEMS with `columns` of `count` values; what is not given is null."""
    empty = pa.nulls(count, pa.string())
    return pa.table([columns.get(name, empty) for name in ITEMS.names], schema=ITEMS)


def check_shape(path: Path, shape: tuple[int, ...], dtype: Any) -> tuple[int, int]:
    """Return the rows and the width of an array that is to hold vectors, or raise UserError."""
    if len(shape) != 2:
        raise UserError(f"{path}: holds an array of shape {shape}; vectors are rows and columns, [n, d]")
    if dtype is None or np.dtype(dtype).kind != "f":
        raise UserError(f"{path}: holds {dtype}; vectors are float16, float32 or float64")
    count, dimension = int(shape[0]), int(shape[1])
    if not count or not dimension:
        raise UserError(f"{path}: holds no vectors (shape {shape}); there must be one")
    return count, dimension
