"""Pins of files of the Hugging Face hub: repository, commit, bytes. Free of torch and pandas."""

from pathlib import PurePosixPath
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field

from crossmodal.parameters import Parameters


class HubFile(NamedTuple):
    """One file of a dataset or of a model of the hub."""

    repo: str
    """The repository's id, OWNER/NAME."""
    revision: str
    """The commit, 40 hexadecimal digits."""
    path: str
    """The file's path in the repository."""
    sha256: str
    """Its digest, 64 hexadecimal digits."""
    of: Literal["dataset", "model"] = "dataset"
    """What the repository is."""

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
        raise ValueError(f"got {path!r}; a path below the repository's own folder is needed")
    return path


def _table(path: str) -> str:
    if not path.endswith(".parquet"):
        raise ValueError(f"got {path!r}; only Parquet files are read, and need to be pinned")
    return path


def _weights(path: str) -> str:
    if not path.endswith(".safetensors"):
        raise ValueError(
            f"got {path!r}; weights are read from a .safetensors file, other forms can hold code"
        )
    return path


RepositoryPath = Annotated[str, AfterValidator(_below)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Pinned(Parameters):
    """A repository of the hub at one commit: a branch such as main moves, and is not accepted."""

    repo: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")]
    """The repository's id, OWNER/NAME."""
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    """The commit that files are taken from."""


class Hub(Pinned):
    """A dataset of the hub."""

    files: dict[Annotated[RepositoryPath, AfterValidator(_table)], Digest] = Field(min_length=1)
    """The SHA-256 of each file that is used, by its path; the hub shows it beside every large file."""

    def pinned(self) -> list[HubFile]:
        """Return the files with all that pins them."""
        return [HubFile(self.repo, self.revision, path, digest) for path, digest in self.files.items()]


class HubWeights(Pinned):
    """The weights of a model of the hub."""

    path: Annotated[RepositoryPath, AfterValidator(_weights)] = "open_clip_model.safetensors"
    """The file in the repository."""
    sha256: Digest
    """Its SHA-256, which the hub shows beside it."""

    def pinned(self) -> HubFile:
        """Return the file with all that pins it."""
        return HubFile(self.repo, self.revision, self.path, self.sha256, "model")
