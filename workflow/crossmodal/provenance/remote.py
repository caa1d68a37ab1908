"""Fetching and sending tracked files through DVC."""

import subprocess
import sys
from collections.abc import Sequence

from crossmodal.errors import UserError

AT_ONCE = 500
"""Files named on one command line."""


def pull(paths: Sequence[str]) -> None:
    """Fetch tracked files from the default remote, or from the cache where no remote is set.

    UserError with DVC's own line where it cannot; what has come by then stays.
    """
    command = "pull" if _dvc("config", "core.remote", check=False).strip() else "checkout"
    for start in range(0, len(paths), AT_ONCE):
        _dvc(command, *paths[start : start + AT_ONCE])


def push() -> None:
    """Send all tracked files to the default remote."""
    _dvc("push")


def commit() -> None:
    """Record all files as they are in dvc.lock and in DVC's cache; it believes anything: audit before."""
    _dvc("commit", "--force", "--no-relink")


def _dvc(*arguments: str, check: bool = True) -> str:
    done = subprocess.run([sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True)
    if check and done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["no message"]
        raise UserError(f"dvc {arguments[0]}: {lines[0].removeprefix('ERROR: ')}")
    return done.stdout
