"""File digests and their memory."""

import hashlib
import os
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
    before = path.stat()
    first = cached_md5(path, cache)
    path.write_text("two")  # same size; the times are put back: only the bytes tell
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert cached_md5(path, cache) == first
    assert md5(path) != first


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


def test_a_moved_file_is_not_read_again(tmp_path: Path) -> None:
    path, cache = tmp_path / "partial", tmp_path / "cache.sqlite"
    path.write_text("one")
    digest = cached_md5(path, cache)
    moved, before = path.rename(tmp_path / "final"), path
    times = moved.stat()
    moved.write_text("two")
    os.utime(moved, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert cached_md5(moved, cache) == digest, "remembered by inode, size and time"
    assert md5_of([moved], None)[moved] == md5(moved) != digest
    assert md5_of([before], cache) == {before: None}
