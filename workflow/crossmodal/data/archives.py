"""Read package tarballs without trusting them: no path leaves its folder, no links, no bombs."""

import gzip
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Protocol

from crossmodal.errors import UserError

MAX_BYTES = 512 * 2**20  # of the whole unpacked archive; the largest package in use has 50 MB


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Bounded:
    """A decompressed stream that refuses to give more than `limit` bytes, headers and padding included."""

    def __init__(self, stream: _Readable, limit: int) -> None:
        self.stream, self.limit, self.left = stream, limit, limit

    def read(self, size: int) -> bytes:
        block = self.stream.read(min(size, self.left + 1))
        self.left -= len(block)
        if self.left < 0:
            raise ValueError(f"unpacks to more than {self.limit} bytes")
        return block


@contextmanager
def _opened(tarball: Path, limit: int) -> Iterator[tarfile.TarFile]:
    """Open `tarball` for one pass from front to back; whatever is wrong with it becomes one UserError."""
    try:
        with (
            gzip.open(tarball) as stream,
            tarfile.open(fileobj=_Bounded(stream, limit), mode="r|") as archive,  # type: ignore[call-overload]
        ):
            yield archive
    except FileNotFoundError:
        raise UserError(f"{tarball}: no such file") from None
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, ValueError) as error:
        raise UserError(
            f"{tarball}: not a safe, whole package ({error}); remove it and fetch it again"
        ) from None


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    """Return the bytes of `member`; ValueError for a link, a device or a sparse file (it can be a bomb)."""
    stream = archive.extractfile(member) if member.isreg() and not member.issparse() else None
    if stream is None:
        raise ValueError(f"member {member.name!r} is not a plain file")
    return stream.read()


def read_members(tarball: Path, names: list[str], limit: int = MAX_BYTES) -> dict[str, bytes]:
    """Return name -> content of the regular files `names` of `tarball`; nothing is written anywhere.

    Raises UserError if one is missing or not a regular file, or if the archive is damaged or unpacks to
    more than `limit` bytes.
    """
    found: dict[str, bytes] = {}
    with _opened(tarball, limit) as archive:
        for member in archive:
            if member.name in names and member.name not in found:
                found[member.name] = _content(archive, member)
            if len(found) == len(set(names)):
                break
    for name in names:
        if name not in found:
            raise UserError(f"{tarball}: has no {name}; is it the right package?")
    return found


def read_member(tarball: Path, name: str, limit: int = MAX_BYTES) -> bytes:
    """Return the content of the regular file `name` of `tarball`; see read_members."""
    return read_members(tarball, [name], limit)[name]


def unpack(tarball: Path, folder: Path, limit: int = MAX_BYTES) -> list[Path]:
    """Unpack the regular files of `tarball` below `folder` and return their paths.

    Raises UserError before anything is written if a member would leave the folder, is a link or a
    device, appears twice, or if all of them have more than `limit` bytes. Owners, modes and times in
    the archive are ignored.
    """
    with _opened(tarball, limit) as archive:
        targets = _checked_targets(archive, folder)
    with _opened(tarball, limit) as archive:
        for member in archive:
            if member.name in targets:
                target = targets[member.name]
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(_content(archive, member))
    return list(targets.values())


def _checked_targets(archive: tarfile.TarFile, folder: Path) -> dict[str, Path]:
    """Return member name -> path for the files of `archive`; ValueError names the first unsafe member."""
    targets: dict[str, Path] = {}
    for member in archive:
        name = PurePosixPath(member.name)
        if name.is_absolute() or ".." in name.parts or "\\" in member.name:
            raise ValueError(f"member {member.name!r} leaves the folder")
        if hasattr(tarfile, "data_filter"):  # Python 3.11.4 and later: a second opinion
            tarfile.data_filter(member, str(folder))
        if member.isdir():
            continue
        if not member.isreg() or member.issparse():
            raise ValueError(f"member {member.name!r} is not a plain file")
        if not (folder / name).resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"member {member.name!r} leaves the folder through a link")
        if member.name in targets:
            raise ValueError(f"member {member.name!r} appears twice")
        targets[member.name] = folder / name
    files = set(targets.values())
    if len(files) < len(targets) or any(parent in files for file in files for parent in file.parents):
        raise ValueError("two members have one path")
    return targets
