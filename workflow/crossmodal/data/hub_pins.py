"""Pins of files of the Hugging Face hub: which dataset, which commit, which bytes. Free of torch and pandas."""

from pathlib import PurePosixPath
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, Field

from crossmodal.parameters import Parameters


class HubFile(NamedTuple):
    """One file of a dataset of the hub."""

    repo: str
    """The dataset's id, OWNER/NAME."""
    revision: str
    """The commit, 40 hexadecimal digits."""
    path: str
    """The file's path in the dataset."""
    sha256: str
    """Its digest, 64 hexadecimal digits."""

    @property
    def name(self) -> str:
        """What tells it from other sources of a dataset."""
        return f"{self.repo}/{self.path}"

    @property
    def file_name(self) -> str:
        """A flat file name for it, which no other file has."""
        return f"hub-{self.sha256[:16]}-{PurePosixPath(self.path).name}"

    def __str__(self) -> str:
        return f"{self.repo}@{self.revision[:8]}/{self.path}"


def _below(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path or "\0" in path:
        raise ValueError(f"got {path!r}; a path below the dataset's own folder is needed")
    if not path.endswith(".parquet"):
        raise ValueError(f"got {path!r}; only Parquet files are read, and need to be pinned")
    return path


class Hub(Parameters):
    """A dataset of the hub at one commit: a branch such as main moves, and is not accepted."""

    repo: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")]
    """The dataset's id, OWNER/NAME."""
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    """The commit that the files are taken from."""
    files: dict[Annotated[str, AfterValidator(_below)], Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]] = (
        Field(min_length=1)
    )
    """The SHA-256 of each file that is used, by its path; the hub shows it beside every large file."""

    def pinned(self) -> list[HubFile]:
        """Return the files with all that pins them."""
        return [HubFile(self.repo, self.revision, path, digest) for path, digest in self.files.items()]
