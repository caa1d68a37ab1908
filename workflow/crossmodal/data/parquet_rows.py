"""Rows of a Parquet file, a few at a time, however large its row groups are."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from crossmodal.data.built import Reject
from crossmodal.errors import UserError

BROKEN = "breaks off"
"""In the reason of the reject that stands for the rest of a file."""


def schema(path: Path) -> Any:
    """Return the Arrow schema of the Parquet file `path`, or raise UserError."""
    try:
        return pq.read_schema(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: not a readable Parquet file ({_line(error)}); fetch it again") from None


def rows(path: Path, columns: list[str], size: int) -> Iterator[tuple[int, dict[str, Any] | Reject]]:
    """Yield number, from 0, and content of the rows of `path` with what `columns` name of them.

    `size` rows are decoded at a time, and of a row group no more is read than they need. Where the file breaks
    off, the last is a reject that says so; a row with text that is not UTF-8 is one, too.
    """
    top = _top_level(columns, schema(path).names)
    number = 0
    try:
        # Buffered and not read ahead: a row group of images may be larger than memory.
        options = {"buffer_size": 2**20, "pre_buffer": False, "page_checksum_verification": True}
        with pq.ParquetFile(path, **options) as file:
            if not top:
                yield from ((row, {}) for row in range(file.metadata.num_rows))
                return
            for batch in file.iter_batches(size, columns=top, use_threads=False):
                for row in _decoded(batch, path, number):
                    yield number, row
                    number += 1
    except (pa.ArrowException, OSError) as error:
        reason = f"{BROKEN} after {number} rows ({_line(error)}); the rest is not read"
        yield number, Reject(f"{path.name} (rest)", str(path), reason)


def _top_level(columns: list[str], there: list[str]) -> list[str]:
    """Return the columns that hold `columns`: COLUMN.FIELD is in COLUMN unless a column has that name."""
    return list(dict.fromkeys(name if name in there else name.partition(".")[0] for name in columns))


def _decoded(batch: pa.RecordBatch, path: Path, number: int) -> Iterator[dict[str, Any] | Reject]:
    try:
        yield from batch.to_pylist()
    except UnicodeDecodeError:  # before the first row: the whole batch is decoded at once
        for i in range(len(batch)):
            try:
                yield batch.slice(i, 1).to_pylist()[0]
            except UnicodeDecodeError:
                name = f"{path.stem}/{number + i}"
                yield Reject(name, name, "text is not UTF-8")


def _line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
