"""Samples of a tar file, one after the other: members that differ in their suffix alone.

Nothing is unpacked, and no member is read that is not asked for. A plain tar is walked from header to header, so
that samples of which only the texts are wanted cost little.
"""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from crossmodal.data.built import Reject
from crossmodal.data.image_files import name_below
from crossmodal.data.karpathy import MAX_FILE_BYTES
from crossmodal.errors import UserError

PICKLES = (".pkl", ".pickle", ".pth", ".pt", ".joblib")
"""Suffixes of members that run code when they are read the usual way."""
_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZ": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}


@dataclass
class Sample:
    """The members of one name. What it reads, it reads while it is the latest sample of its tar file."""

    key: str
    archive: tarfile.TarFile
    members: dict[str, tarfile.TarInfo] = field(default_factory=dict)
    """By suffix in lower case, with its dot."""
    problem: str = ""
    """Why the sample cannot be used, "" if nothing is known against it."""

    def read(self, suffix: str) -> bytes:
        """Return the content of a member; ValueError where it is too large or ends early."""
        member = self.members[suffix]
        if member.size > MAX_FILE_BYTES:
            raise ValueError(f"{suffix} is larger than {MAX_FILE_BYTES // 2**20} MiB")
        try:
            stream = self.archive.extractfile(member)
            content = stream.read() if stream else b""
        except (tarfile.TarError, OSError) as error:
            raise ValueError(f"{suffix} cannot be read ({error})") from None
        if len(content) != member.size:
            raise ValueError(f"{suffix} ends early")
        return content


def samples(shard: Path) -> Iterator[Sample | Reject]:
    """Yield the samples of a tar file; where it breaks off, what was whole before, and a reject that says so.

    A sample's key is its members' name up to the last dot, with the folder. Raises UserError where the file is no
    tar file at all.
    """
    try:
        with tarfile.open(shard, mode="r:") as archive:
            yield from _grouped(archive, shard)
    except FileNotFoundError:
        raise UserError(f"{shard}: no such file") from None
    except tarfile.TarError as error:
        raise UserError(f"{shard}: not a tar file ({_reason(shard, error)}); fetch it again") from None
    except OSError as error:
        raise UserError(f"{shard}: cannot be read ({error.strerror})") from None


def _grouped(archive: tarfile.TarFile, shard: Path) -> Iterator[Sample | Reject]:
    sample: Sample | None = None
    count = 0
    try:
        while (member := archive.next()) is not None:
            # tarfile keeps each header, and of a shard's thousands none is needed again.
            archive.members.clear()  # type: ignore[attr-defined]
            key, suffix = _parts(member.name)
            if member.isdir() or key.rpartition("/")[2].startswith("."):  # such as ._NAME, which macOS adds
                continue
            if sample is None or key != sample.key:
                if sample is not None:
                    count += 1
                    yield sample
                sample = Sample(key, archive)
            _add(sample, member, suffix)
        if flaw := _flaw_at_end(archive):
            raise tarfile.ReadError(flaw)
    except (tarfile.TarError, EOFError, ValueError) as error:
        where = f" in sample {sample.key}" if sample else ""
        reason = f"breaks off{where} after {count} whole samples ({error}); the rest is not read"
        yield Reject(f"{shard.name} (rest)", str(shard), reason)
        return
    if sample is not None:
        yield sample


def _parts(name: str) -> tuple[str, str]:
    """Return the key and the suffix, in lower case, of a member's name."""
    folder, slash, file = name.rpartition("/")
    stem, dot, suffix = file.rpartition(".")
    return (f"{folder}{slash}{stem}", f".{suffix.lower()}") if dot and stem else (name, "")


def _add(sample: Sample, member: tarfile.TarInfo, suffix: str) -> None:
    """Add `member`, or note what is wrong with it."""
    try:
        name_below(member.name)
    except ValueError as error:
        sample.problem = sample.problem or str(error)
    if not member.isreg() or member.issparse():
        sample.problem = sample.problem or f"member {suffix or member.name} is a link or a device, not a file"
    elif suffix in PICKLES:
        sample.problem = sample.problem or f"member {suffix} is a pickle, which can run code and is not read"
    elif suffix in sample.members:
        sample.problem = sample.problem or f"two members {suffix} in one sample"
    sample.members[suffix] = member


def _flaw_at_end(archive: tarfile.TarFile) -> str:
    """Return why the walk ended where it did, "" if at the mark of the end.

    tarfile takes a header that is damaged or cut for the end of the archive.
    """
    stream = archive.fileobj
    assert stream is not None
    stream.seek(archive.offset)
    block = stream.read(tarfile.BLOCKSIZE)
    if len(block) < tarfile.BLOCKSIZE:
        return "the file ends early"
    return f"damaged header at byte {archive.offset}" if block.strip(tarfile.NUL) else ""


def _reason(shard: Path, error: Exception) -> str:
    with shard.open("rb") as stream:
        start = stream.read(8)
    for magic, name in _COMPRESSED.items():
        if start.startswith(magic):
            return f"it is compressed with {name}; shards are read uncompressed"
    return str(error)
