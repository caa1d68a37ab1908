"""MD5 digests of files as DVC writes them, taken once and remembered by size, mtime and inode."""

import hashlib
import sqlite3
from pathlib import Path

CACHE = Path(".crossmodal") / "digests.sqlite"
"""The memory, below the working directory; it may be deleted at any time."""


def md5(path: Path) -> str:
    """Return the MD5 digest (hex) of the bytes of `path`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def cached_md5(path: Path, cache: Path = CACHE) -> str:
    """Return `md5(path)`, from the memory when size, mtime and inode are those of last time.

    A memory that cannot be read or written (a read-only folder, a lock, a broken file) is not an error.
    """
    status = path.stat()
    key = (str(path.resolve()), status.st_size, status.st_mtime_ns, status.st_ino)
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        with sqlite3.connect(cache, timeout=5) as store:
            store.execute(
                "CREATE TABLE IF NOT EXISTS digests (path TEXT PRIMARY KEY, size, mtime, inode, md5)"
            )
            row = store.execute(
                "SELECT md5 FROM digests WHERE path=? AND size=? AND mtime=? AND inode=?", key
            ).fetchone()
            if row:
                return str(row[0])
            digest = md5(path)
            store.execute("INSERT OR REPLACE INTO digests VALUES (?, ?, ?, ?, ?)", (*key, digest))
            return digest
    except (sqlite3.Error, OSError):
        return md5(path)
