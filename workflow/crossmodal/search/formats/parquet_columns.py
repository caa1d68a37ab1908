"""Parquet files in order as one table of which some columns are read, a batch of rows at a time."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from crossmodal.errors import UserError


def schema_of(path: Path) -> Any:
    """Return the Arrow schema of the Parquet file `path`, or raise UserError."""
    try:
        return pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(path, error) from None


def rows_of(path: Path) -> int:
    """Return how many rows the Parquet file `path` has, or raise UserError."""
    try:
        return int(pq.read_metadata(path).num_rows)
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(path, error) from None


def batches(
    paths: Sequence[Path], columns: list[str] | None, size: int
) -> Iterator[tuple[Path, int, pa.RecordBatch]]:
    """Yield batches of at most `size` rows with their file and the number of their first row in it.

    One row group at most is in memory, whatever the files' size. A nested column is named with a dot.
    """
    for path in paths:
        start = 0
        try:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(size, columns=columns):
                    yield path, start, batch
                    start += len(batch)
        except (pa.ArrowInvalid, OSError) as error:
            raise _unreadable(path, error) from None


def numbered_files(folder: Path, stem: str, suffix: str) -> list[Path]:
    """Return the files `stem`, `stem-0`, `stem_12` ... of `folder` in the order of their numbers."""
    found: list[tuple[int, Path]] = []
    for path in folder.glob(f"{stem}*{suffix}"):
        number = path.name.removeprefix(stem).removesuffix(suffix).lstrip("-_")
        if number.isdecimal() or not number:
            found.append((int(number or 0), path))
    return [path for _, path in sorted(found)]


def _unreadable(path: Path, error: Exception) -> UserError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return UserError(f"{path}: not a readable Parquet file ({reason}); write it again")
