"""The pictures of the items that a search found: image files, and rows of datasets.

An item's `path` says where its picture is: an image file, or `FILE.parquet#ROW`, a row of a dataset's column
`image`. A study's items name none; they are looked up by `image_id` in the datasets given.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from crossmodal.errors import UserError
from crossmodal.search.formats.pictures import encoded, read_file

KEPT = 16
"""Row groups of datasets whose pictures stay in memory."""


class Pictures:
    """Pictures by an item's `path` or, in `datasets`, by its `image_id`; from any number of threads."""

    def __init__(self, datasets: Sequence[Path] = (), roots: Sequence[Path] = (Path(),)) -> None:
        """Take Parquet files in the layout of data/tables.py; relative paths are looked for below `roots`."""
        self._datasets, self._roots = list(datasets), list(roots)
        self._lock = Lock()
        self._places: dict[str, tuple[Path, int]] | None = None
        self._group = lru_cache(maxsize=KEPT)(_read_group)

    def find(self, image_id: str, path: str | None) -> bytes | None:
        """Return the encoded image, or None where there is none (any more) or it cannot be read."""
        try:
            place = self.place(image_id, path)
            return self._at(place) if place else None
        except (UserError, OSError, pa.ArrowException, KeyError, IndexError, ValueError, TypeError):
            return None

    def place(self, image_id: str, path: str | None) -> str | None:
        """Return where the picture of an item is: its `path`, or the dataset's file and row."""
        if path:
            return path
        dataset, row = self._known().get(image_id, (None, 0))
        return f"{dataset}#{row}" if dataset else None

    def _at(self, path: str) -> bytes | None:
        name, mark, row = path.rpartition("#")
        if mark and row.isdecimal() and name.endswith(".parquet"):
            dataset = self._below(name)
            return self._of_row(dataset, int(row)) if dataset else None
        file = self._below(path)
        return read_file(file) if file else None

    def _below(self, name: str) -> Path | None:
        return next((root / name for root in self._roots if (root / name).is_file()), None)

    def _known(self) -> dict[str, tuple[Path, int]]:
        """Return file and row by image id; where two datasets have one, the first given."""
        with self._lock:
            if self._places is None:
                self._places = {}
                for dataset in reversed(self._datasets):
                    with pq.ParquetFile(dataset) as file:  # read_table would import pandas
                        ids = file.read(columns=["image_id"]).column(0).to_pylist()
                    self._places |= {image_id: (dataset, row) for row, image_id in enumerate(ids)}
            return self._places

    def _of_row(self, dataset: Path, row: int) -> bytes | None:
        with pq.ParquetFile(dataset) as file:
            counts = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        for group, count in enumerate(counts):
            if row < count:
                return encoded(self._group(dataset, group)[row], dataset) or None
            row -= count
        return None


def _read_group(dataset: Path, group: int) -> list[Any]:
    with pq.ParquetFile(dataset) as file:
        found: list[Any] = file.read_row_group(group, columns=["image"]).column("image").to_pylist()
        return found


def check_datasets(paths: Sequence[Path]) -> None:
    """Raise UserError unless each of `paths` is a dataset with ids and images."""
    for path in paths:
        if not path.is_file():
            raise UserError(f"{path}: no such file; pictures are looked up in Parquet datasets")
        try:
            names = pq.read_schema(path).names
        except (pa.ArrowInvalid, OSError) as error:
            raise UserError(f"{path}: not a readable Parquet file ({str(error).splitlines()[0]})") from None
        for name in ("image_id", "image"):
            if name not in names:
                raise UserError(f"{path}: no column {name!r}, so no picture can be looked up in it")
