"""File digests and their memory."""

import hashlib
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from crossmodal.provenance.digests import cached_md5, md5, md5_of


@given(st.binary(max_size=300_000))
def test_md5_is_that_of_the_bytes(tmp_path_factory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("digest") / "file"
    path.write_bytes(content)
    assert md5(path) == hashlib.md5(content).hexdigest()


def test_memory_notices_a_change_and_survives_its_loss(tmp_path: Path) -> None:
    path, cache = tmp_path / "file", tmp_path / "cache" / "digests.sqlite"
    path.write_text("one")
    first = cached_md5(path, cache)
    assert cached_md5(path, cache) == first == md5(path)
    path.write_text("two!")
    assert cached_md5(path, cache) == md5(path) != first
    cache.write_text("not a database")
    assert cached_md5(path, cache) == md5(path)


def test_memory_is_used_when_nothing_changed(tmp_path: Path) -> None:
    path, cache = tmp_path / "file", tmp_path / "digests.sqlite"
    path.write_text("one")
    assert cached_md5(path, cache) == md5(path)
    with closing(sqlite3.connect(cache)) as store, store:
        store.execute("UPDATE known SET md5 = 'what is remembered'")
    assert cached_md5(path, cache) == "what is remembered"
    assert md5_of([path], None)[path] == md5(path), "without the memory every byte is read"


def test_an_edit_that_keeps_size_and_modification_time_is_noticed(tmp_path: Path) -> None:
    path, cache = tmp_path / "file", tmp_path / "digests.sqlite"
    path.write_text("one")
    before = path.stat()
    first = cached_md5(path, cache)
    time.sleep(0.05)  # the system's clock for files ticks a few hundred times a second
    path.write_text("two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_ino, after.st_size, after.st_mtime_ns) == (before.st_ino, 3, before.st_mtime_ns)
    assert cached_md5(path, cache) == md5(path) != first


def test_a_memory_of_before_is_not_misread_and_replaced(tmp_path: Path) -> None:
    path, cache = tmp_path / "file", tmp_path / "digests.sqlite"
    path.write_text("one")
    status = path.stat()
    with closing(sqlite3.connect(cache)) as store, store:
        store.execute("CREATE TABLE digests (device, inode, size, mtime, md5, PRIMARY KEY (device, inode))")
        old = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, "forged")
        store.execute("INSERT INTO digests VALUES (?, ?, ?, ?, ?)", old)
    assert cached_md5(path, cache) == md5(path)
    with closing(sqlite3.connect(cache)) as store:
        assert store.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall() == [("known",)]
        assert store.execute("SELECT md5 FROM known").fetchall() == [(md5(path),)]


def test_dvc_writes_the_same_digest(tmp_path: Path) -> None:
    from dvc_data.hashfile.hash import file_md5
    from dvc_objects.fs.local import LocalFileSystem

    path = tmp_path / "file"
    path.write_bytes(os.urandom(100_000))
    assert file_md5(str(path), LocalFileSystem()) == md5(path)


@given(st.lists(st.binary(max_size=2000), max_size=8))
def test_many_files_at_once_are_the_files_one_by_one(tmp_path_factory, contents: list[bytes]) -> None:
    folder = tmp_path_factory.mktemp("digests")
    paths = [folder / str(i) for i in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    expected = {path: md5(path) for path in paths} | {folder / "absent": None}
    for cache in (None, folder / "cache.sqlite", folder / "cache.sqlite"):
        assert md5_of([*paths, folder / "absent"], cache) == expected


def test_a_moved_file_keeps_its_digest_and_leaves_none_behind(tmp_path: Path) -> None:
    path, cache = tmp_path / "partial", tmp_path / "cache.sqlite"
    path.write_text("one")
    digest = cached_md5(path, cache)
    moved = path.rename(tmp_path / "final")
    assert md5_of([path, moved], cache) == {path: None, moved: digest}
