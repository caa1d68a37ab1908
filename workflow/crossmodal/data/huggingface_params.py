"""Parameters of the dataset kind `huggingface`: Parquet files of a dataset of the Hugging Face hub."""

import glob
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from crossmodal.data.columns import TableDataset
from crossmodal.data.hub_pins import Hub

FORMS = ("{}-*-of-*.parquet", "{}.parquet", "{}-[0-9]*.parquet", "{}/*.parquet")
"""Names of the Parquet files of a split, in the folder of its configuration or in `data` below it."""


class Params(TableDataset):
    """A folder with the Parquet files of a dataset of the hub; `hub` says of which one and pins each file."""

    kind: Literal["huggingface"]
    folder: Annotated[str, Field(min_length=1)]
    """The folder of the files, with the layout that they have on the hub."""
    config: str | None = None
    """The folder of the configuration below it, for datasets that have several; null where there is one."""
    hub: Hub | None = None
    """Where the files are from: dataset, commit and digests. Null takes the folder as it is."""

    @model_validator(mode="after")
    def _split_column_or_shares(self) -> Self:
        if self.split and self.columns.split:
            raise ValueError("split and columns.split both say what is in which split; leave one of them out")
        return self

    def is_split(self) -> bool:
        return self.split is None

    def tables(self) -> dict[str, list[Path]]:
        """Return the split of the data, "" where files are not told apart by it, and its Parquet files, sorted."""
        base = Path(self.folder, self.config or "")
        if self.split or self.columns.split:
            return {"": sorted(base.rglob("*.parquet"))}
        return {
            name: sorted(
                {
                    path
                    for below in (base, base / "data")
                    for form in FORMS
                    for path in below.glob(form.format(glob.escape(name)))
                }
            )
            for name in self.splits
        }

    def files(self) -> dict[str, str]:
        tables = {
            f"tables.{self.splits[split]}.{place:03}-{number:06}" if split else f"tables.{number:06}": str(
                path
            )
            for place, (split, paths) in enumerate(self.tables().items())
            for number, path in enumerate(paths)
        }
        return {**tables, **self.class_files()}
