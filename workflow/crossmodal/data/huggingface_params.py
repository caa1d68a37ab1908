"""Parameters of the dataset kind `huggingface`: Parquet files of a dataset of the Hugging Face hub."""

import glob
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from crossmodal.data.columns import TableDataset
from crossmodal.data.hub_pins import Hub, HubFile

FORMS = ("{}-*-of-*.parquet", "{}.parquet", "{}-[0-9]*.parquet", "{}/*.parquet")
"""Names of the Parquet files of a split, in the folder of its configuration or in `data` below it."""


class Params(TableDataset):
    """Parquet files of a dataset of the hub: fetched, as `hub` pins them, or in a folder here."""

    kind: Literal["huggingface"]
    hub: Hub | None = None
    """Which dataset, which commit, which files with which digests: they are fetched."""
    folder: Annotated[str, Field(min_length=1)] | None = None
    """A folder with the files, in the layout that they have on the hub, where they are not to be fetched."""
    config: str | None = None
    """The folder of the configuration, for datasets that have several; null where there is one."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.hub is None) == (self.folder is None):
            raise ValueError("give hub, with the files to fetch, or folder, where they are; one of the two")
        return self

    @model_validator(mode="after")
    def _split_column_or_shares(self) -> Self:
        if self.split and self.columns.split:
            raise ValueError("split and columns.split both say what is in which split; leave one of them out")
        return self

    def is_split(self) -> bool:
        return self.split is None

    def by_name(self) -> bool:
        """Return whether the names of files say which split they are of."""
        return not self.split and not self.columns.split

    def split_of_file(self, path: str) -> str | None:
        """Return the split of the data whose form of name `path`, below the dataset's own folder, has, if any."""
        found = PurePosixPath(path)
        for name in self.splits:
            for below in ("", "data/"):
                for form in FORMS:
                    pattern = f"{glob.escape(self.config or '')}/{below}{form.format(glob.escape(name))}"
                    if PurePosixPath("/", found).match(f"/{pattern.lstrip('/')}"):
                        return name
        return None

    def is_read(self, path: str) -> bool:
        """Return whether `path`, below the dataset's own folder, is a table of it that is asked for."""
        if self.by_name():
            return self.split_of_file(path) is not None
        return self.config is None or PurePosixPath(self.config) in PurePosixPath(path).parents

    def there(self) -> list[str]:
        """Return the Parquet files that there are, sorted, as they are called on the hub."""
        if self.hub:
            return sorted(self.hub.files)
        root = Path(self.folder or "")
        return sorted(path.relative_to(root).as_posix() for path in root.rglob("*.parquet"))

    def packages(self) -> tuple[HubFile, ...]:  # type: ignore[override]
        """Return the files to fetch; they are no packages, and have a rule and a job of their own."""
        pinned = sorted(self.hub.pinned(), key=lambda file: file.path) if self.hub else []
        return tuple(file for file in pinned if self.is_read(file.path))

    def files(self) -> dict[str, str]:
        tables = [path for path in self.there() if self.is_read(path)] if self.folder else []
        return {**{f"tables/{path}": f"{self.folder}/{path}" for path in tables}, **self.class_files()}
