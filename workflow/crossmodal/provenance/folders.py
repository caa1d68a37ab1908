"""Before a run: can a study's folders be written, and do their files' times lie in the past?"""

import os
import time
from collections.abc import Iterable
from pathlib import Path

from crossmodal.errors import UserError


def check_writable(folders: Iterable[Path]) -> None:
    """Raise UserError for the first of `folders` (or what exists above it) that cannot be written."""
    for folder in folders:
        present = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        if not present.is_dir() or not os.access(present, os.W_OK | os.X_OK):
            raise UserError(
                f"{folder}: cannot be written; mount it for writing, mend its permissions"
                " or run in another folder"
            )


def settle_times(folders: Iterable[Path]) -> int:
    """Move modification times that lie in the future into the past, in the same order; return how many.

    Where the clock was moved back after a run, Snakemake sees that a new output is older than its inputs,
    and refuses it. No content is touched. What is newer than something else stays newer: the times in the
    future are spread between the newest one in the past and now.
    """
    times = {
        path: path.lstat().st_mtime_ns for folder in folders for path in folder.rglob("*") if path.is_file()
    }
    now = time.time_ns()
    future = sorted({moment for moment in times.values() if moment > now})
    start = max((moment for moment in times.values() if moment <= now), default=now - 1_000_000_000)
    settled = {moment: start + (now - start) * i // len(future) for i, moment in enumerate(future, start=1)}
    changed = {path: settled[moment] for path, moment in times.items() if moment in settled}
    for path, moment in changed.items():
        os.utime(path, ns=(moment, moment), follow_symlinks=False)
    return len(changed)
