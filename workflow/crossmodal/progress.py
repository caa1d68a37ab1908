"""A progress bar that is readable in a log file as well as in a terminal."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def progress(items: Iterable[T], label: str, total: int | None = None, unit: str = "it") -> Iterator[T]:
    """Yield `items` while a bar with `label`, rate and remaining time is written to standard error.

    In a log file a bar that redraws itself is one endless line: there it is drawn every few seconds only.
    """
    live = sys.stderr.isatty()
    yield from tqdm(
        items, desc=label, total=total, unit=unit, file=sys.stderr,
        mininterval=0.1 if live else 5.0, ascii=not live, dynamic_ncols=live, leave=True,
    )  # fmt: skip
