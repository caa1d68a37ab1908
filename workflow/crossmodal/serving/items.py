"""What an index's items are called: a few rows of a table that may have ten million, read group by group."""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from threading import Lock
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from crossmodal.errors import UserError

COLUMNS = ("id", "image_id", "label", "name", "path", "caption")
KEPT = 64
"""Row groups that stay in memory."""


class Items:
    """The rows of `items.parquet`, by position in the index; from any number of threads."""

    def __init__(self, path: Path) -> None:
        """Read the file's footer; UserError where it is missing, broken or lacks a column."""
        self._path, self._lock = path, Lock()
        self._kept: OrderedDict[int, pa.Table] = OrderedDict()
        try:
            self._file = pq.ParquetFile(path, memory_map=True)
        except FileNotFoundError:
            raise UserError(f"{path}: no such file; an index folder has one (`crossmodal index`)") from None
        except (pa.ArrowInvalid, OSError) as error:
            raise UserError(f"{path}: not a readable Parquet file ({str(error).splitlines()[0]})") from None
        lacking = [name for name in COLUMNS[:4] if name not in self._file.schema_arrow.names]
        if lacking:
            raise UserError(f"{path}: no column {lacking[0]!r}; an index's items have {', '.join(COLUMNS)}")
        metadata = self._file.metadata
        counts = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
        self._starts = [0, *accumulate(counts)]

    def __len__(self) -> int:
        return self._starts[-1]

    def rows(self, positions: Sequence[int]) -> list[dict[str, Any]]:
        """Return the rows at `positions`, each in [0, count), as values by column."""
        found = []
        for position in positions:
            group = bisect_right(self._starts, position) - 1
            row = self._group(group).slice(position - self._starts[group], 1).to_pylist()[0]
            found.append({name: row.get(name) for name in COLUMNS})
        return found

    def _group(self, number: int) -> pa.Table:
        with self._lock:
            if number in self._kept:
                self._kept.move_to_end(number)
                return self._kept[number]
            names = [name for name in COLUMNS if name in self._file.schema_arrow.names]
            try:
                table = self._file.read_row_group(number, columns=names)
            except (pa.ArrowInvalid, OSError) as error:
                reason = str(error).splitlines()[0]
                raise UserError(f"{self._path}: not a readable Parquet file ({reason})") from None
            self._kept[number] = table
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return table
