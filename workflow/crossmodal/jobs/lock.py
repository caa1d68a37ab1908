"""One process a job: a lock beside the manifest, which the system gives back when its holder dies."""

import fcntl
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from crossmodal.errors import UserError


@contextmanager
def job_lock(manifest: Path) -> Iterator[bool]:
    """Hold the lock of the job that writes `manifest`; yield whether another process had to be waited for.

    Two processes that do one job would write the same checkpoints, and the slower one would put its measured
    times over files that other jobs have read by then. On a file system without locks the job goes on without
    one. Raises UserError where the folder cannot be written.
    """
    path = manifest.with_name(f".{manifest.name}.lock")
    waited = False
    while True:
        with _open(path) as file:
            try:
                waited |= _acquire(file.fileno())
            except OSError:
                yield False
                return
            if not _is_current(file.fileno(), path):
                continue  # its last holder has removed it: another process may hold the new one
            os.truncate(path, 0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}")
            file.flush()
            try:
                yield waited
            finally:
                path.unlink(missing_ok=True)
            return


def _open(path: Path) -> TextIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a+")
    except OSError as error:
        raise UserError(f"{path.parent}: cannot be written ({error.strerror})") from error


def _acquire(descriptor: int) -> bool:
    """Take the lock, and return whether that meant waiting."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 200, 0).decode() or "another process"
        print(f"waiting for {holder}, which does this job", file=sys.stderr, flush=True)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return True
    return False


def _is_current(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
