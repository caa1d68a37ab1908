import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest

from crossmodal.data.archives import read_member, read_members, unpack
from crossmodal.errors import UserError


def tarball(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def file(name: str, content: bytes = b"x") -> tuple[tarfile.TarInfo, bytes]:
    return tarfile.TarInfo(name), content


def special(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


def sparse(path: Path, name: str, size: int) -> Path:
    """A tarball of a few hundred bytes with one sparse file that reads as `size` zeros."""
    info = tarfile.TarInfo(name)
    info.pax_headers = {
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
        "GNU.sparse.size": str(size),
        "GNU.sparse.numblocks": "1",
        "GNU.sparse.map": f"{size},0",
        "GNU.sparse.name": name,
    }
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info)
    return path


def everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


EVIL = {
    "parent": file("package/../../escape"),
    "absolute": file("/tmp/crossmodal-escape"),
    "backslash": file("package\\..\\..\\escape"),
    "symbolic link": special("package/link", tarfile.SYMTYPE, "/etc/passwd"),
    "inner symbolic link": special("package/link", tarfile.SYMTYPE, "other"),
    "hard link": special("package/link", tarfile.LNKTYPE, "package/first"),
    "fifo": special("package/fifo", tarfile.FIFOTYPE),
    "device": special("package/device", tarfile.CHRTYPE),
    "twice": file("package/first"),
    "one path twice": file("package/./first"),
    "below a file": file("package/first/second"),
}


@pytest.mark.parametrize("name", EVIL)
def test_an_evil_tarball_writes_nothing(tmp_path: Path, name: str) -> None:
    path = tarball(tmp_path / "evil.tgz", file("package/first"), EVIL[name])
    folder = tmp_path / "deep" / "folder"
    folder.mkdir(parents=True)
    before = everything(tmp_path)
    with pytest.raises(UserError, match=r"evil\.tgz: not a safe, whole package"):
        unpack(path, folder)
    assert everything(tmp_path) == before
    assert not Path("/tmp/crossmodal-escape").exists()


def test_a_link_that_was_there_before_is_not_followed(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    outside.mkdir()
    folder.mkdir()
    (folder / "package").symlink_to(outside)
    with pytest.raises(UserError, match=r"through a link|outside the destination"):
        unpack(tarball(tmp_path / "a.tgz", file("package/a")), folder)
    assert everything(outside) == []


def test_unpack_writes_the_files_and_ignores_modes(tmp_path: Path) -> None:
    info, content = file("package/deep/run.sh", b"echo")
    info.mode, info.uid = 0o6777, 12345
    paths = unpack(tarball(tmp_path / "a.tgz", file("package/a", b"1"), (info, content)), tmp_path / "out")
    assert {path.relative_to(tmp_path / "out").as_posix(): path.read_bytes() for path in paths} == {
        "package/a": b"1",
        "package/deep/run.sh": b"echo",
    }
    assert not os.access(paths[1], os.X_OK)


def test_bombs_are_refused(tmp_path: Path) -> None:
    path = tarball(tmp_path / "bomb.tgz", file("package/zeros", bytes(3_000_000)), file("package/after"))
    assert path.stat().st_size < 10_000
    for call in (
        lambda: unpack(path, tmp_path / "out", limit=1_000_000),
        lambda: read_member(path, "package/zeros", limit=1_000_000),
        lambda: read_member(path, "package/after", limit=1_000_000),
    ):
        with pytest.raises(UserError, match="more than 1000000 bytes"):
            call()
    assert not (tmp_path / "out").exists()


def test_sparse_files_are_refused(tmp_path: Path) -> None:
    path = sparse(tmp_path / "sparse.tgz", "package/zeros", 10**13)
    with pytest.raises(UserError, match="not a plain file"):
        read_member(path, "package/zeros")
    with pytest.raises(UserError, match="not a plain file"):
        unpack(path, tmp_path / "out")


def test_read_members(tmp_path: Path) -> None:
    path = tarball(
        tmp_path / "a.tgz",
        file("package/a", b"1"),
        file("package/b", b"2"),
        special("package/link", tarfile.SYMTYPE, "/etc/passwd"),
    )
    assert read_members(path, ["package/b", "package/a"]) == {"package/a": b"1", "package/b": b"2"}
    with pytest.raises(UserError, match="has no package/c"):
        read_member(path, "package/c")
    with pytest.raises(UserError, match="not a plain file"):
        read_member(path, "package/link")


@pytest.mark.parametrize("damage", ["missing", "empty", "text", "truncated", "flipped"])
def test_damaged_tarballs_end_in_one_line(tmp_path: Path, damage: str) -> None:
    path = tarball(tmp_path / "a.tgz", file("package/a", os.urandom(20_000)), file("package/z"))
    whole = path.read_bytes()
    middle = len(whole) // 2
    contents = {
        "empty": b"",
        "text": b"<html>sign in</html>",
        "truncated": whole[:middle],
        "flipped": gzip.compress(b"not a tar" * 1000),
    }
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(contents[damage])
    with pytest.raises(UserError) as error:
        read_member(path, "package/z")
    assert "\n" not in str(error.value) and str(path) in str(error.value)
