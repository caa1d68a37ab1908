"""A folder that a command writes: it appears whole or not at all."""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crossmodal.commands.toolkit import refused
from crossmodal.errors import UserError


def check_new(path: Path) -> None:
    """Raise UserError where `path` cannot become a new folder: it is there and not empty, or has no parent."""
    if not path.absolute().parent.is_dir():
        raise UserError(f"{path}: there is no folder {path.absolute().parent}; make it first")
    if path.is_dir():
        if next(path.iterdir(), None) is not None:
            raise UserError(f"{path}: is there already and not empty; remove it or name another folder")
    elif path.exists() or path.is_symlink():
        raise UserError(f"{path}: is a file; name a folder")


@contextmanager
def written_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside `path` that becomes `path` at the end, or vanishes where the work fails.

    That it is ended by Ctrl-C or SIGTERM is a failure like others.
    """
    check_new(path)
    temporary = path.absolute().with_name(f".{path.absolute().name}.{os.getpid()}")
    before = signal.signal(signal.SIGTERM, _end)
    try:
        with refused(path):
            temporary.mkdir()
            yield temporary
            temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        signal.signal(signal.SIGTERM, before)


def _end(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)
