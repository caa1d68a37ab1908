"""Where the picture of an item is, as one string: the path of an image file, or `FILE.parquet#ROW`.

The second is row ROW, from 0, of a dataset's column `image` (data/tables.py); a Hugging Face dataset may give a
path there in place of bytes, seen from the dataset's folder. `serving/pictures.py` shows them.
"""

from pathlib import Path
from typing import Any

from crossmodal.errors import UserError

LARGEST = 50_000_000
"""Bytes of an image file beyond which it is not read."""


def in_dataset(file: Path, row: int) -> str:
    """Return where the picture of a row of a dataset file is."""
    return f"{file.resolve()}#{row}"


def read_file(path: Path) -> bytes:
    """Return the bytes of an image file of ordinary size, or raise UserError."""
    try:
        if path.stat().st_size > LARGEST:
            raise UserError(f"{path}: more than {LARGEST} bytes; that is no ordinary picture")
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None


def encoded(value: Any, dataset: Path) -> bytes:
    """Return the bytes of an image as a row of `dataset` has it: bytes, or a struct of bytes and path."""
    if isinstance(value, bytes):
        return value
    value = value or {}
    if value.get("bytes") is not None:
        return bytes(value["bytes"])
    if value.get("path"):
        return read_file(dataset.parent / value["path"])
    return b""
