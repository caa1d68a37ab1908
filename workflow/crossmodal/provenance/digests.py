"""MD5 digests of files as DVC writes them, taken once and remembered by inode, size and times.

The times are those of the last modification, which anybody can set, and of the last change of the file's status
(ctime), which the system sets at each write, rename and setting of times: no edit passes for what was there.
"""

import hashlib
import os
import sqlite3
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

CACHE = Path(".crossmodal") / "digests.sqlite"
"""The memory, below the working directory; it may be deleted at any time."""

Key = tuple[int, int, int, int, int]
"""Device, inode, size, modification time and status change time in nanoseconds."""


def md5(path: Path) -> str:
    """Return the MD5 digest (hex) of the bytes of `path`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def cached_md5(path: Path, cache: Path = CACHE) -> str:
    """Return `md5(path)`, from the memory when inode, size and both times are those of last time."""
    digest = md5_of([path], cache)[path]
    if digest is None:
        raise FileNotFoundError(2, "no such file", str(path))
    return digest


def md5_of(paths: Iterable[Path], cache: Path | None = CACHE) -> dict[Path, str | None]:
    """Return the digest of each file, None for one that does not exist; files are hashed in parallel.

    With `cache` None every byte is read. A memory that cannot be read or written (a read-only folder, a
    lock, a broken file) is not an error: it only costs time. A file that was moved is read again, once.
    """
    keys = {path: _key(path) for path in paths}
    present = {path: key for path, key in keys.items() if key is not None}
    known = _recall(cache, present) if cache else {}
    unknown = [path for path in present if path not in known]
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # hashlib lets other threads run
        taken = dict(zip(unknown, pool.map(md5, unknown), strict=True))
    if cache and taken:
        _remember(cache, {present[path]: digest for path, digest in taken.items()})
    return {path: known.get(path) or taken.get(path) for path in keys}


def _key(path: Path) -> Key | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _recall(cache: Path, keys: dict[Path, Key]) -> dict[Path, str]:
    if not cache.exists():
        return {}
    query = "SELECT md5 FROM known WHERE device=? AND inode=? AND size=? AND mtime=? AND ctime=?"
    try:
        with closing(sqlite3.connect(cache, timeout=5)) as store:
            rows = {path: store.execute(query, key).fetchone() for path, key in keys.items()}
    except (sqlite3.Error, OSError):
        return {}
    return {path: str(row[0]) for path, row in rows.items() if row}


def _remember(cache: Path, digests: dict[Key, str]) -> None:
    table = "known (device, inode, size, mtime, ctime, md5, PRIMARY KEY (device, inode))"
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(cache, timeout=5)) as store, store:
            store.execute("DROP TABLE IF EXISTS digests")  # of before ctime was looked at
            store.execute(f"CREATE TABLE IF NOT EXISTS {table}")
            store.executemany(
                "INSERT OR REPLACE INTO known VALUES (?, ?, ?, ?, ?, ?)",
                [(*key, digest) for key, digest in digests.items()],
            )
    except (sqlite3.Error, OSError):
        return
