"""Ids that tell things apart, checked without holding them: of each eight bytes."""

import hashlib
from array import array
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from crossmodal.errors import UserError


def check_distinct(path: Path, name: str, read: Callable[[], Iterable[Sequence[Any]]]) -> None:
    """Raise UserError where one of the ids that `read()` gives, in parts, is null, is empty or stands twice.

    They are read a second time only where digests of 64 bits are equal.
    """
    keys, row = array("Q"), 0
    for part in read():
        for value in part:
            if value is None or value == "":
                raise UserError(f"{path}: row {row} has no {name}; give every row one")
            keys.append(_key(value))
            row += 1
    ordered = np.sort(np.frombuffer(keys, dtype=np.uint64))
    suspects = {int(key) for key in ordered[1:][ordered[1:] == ordered[:-1]]}
    seen: set[str] = set()
    for part in read() if suspects else ():
        for value in part:
            if _key(value) in suspects:
                if str(value) in seen:
                    raise UserError(f"{path}: {name} {value!r} stands twice; ids tell rows apart")
                seen.add(str(value))


def _key(value: Any) -> int:
    return int.from_bytes(hashlib.blake2b(str(value).encode(), digest_size=8).digest())
