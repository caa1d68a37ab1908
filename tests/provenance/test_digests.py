"""File digests and their memory."""

import hashlib
import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from crossmodal.provenance.digests import cached_md5, md5


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
