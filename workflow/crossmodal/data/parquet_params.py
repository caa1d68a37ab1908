"""Parameters of the dataset kind `parquet`: a table of images and captions in Parquet files."""

from typing import Literal

from pydantic import Field

from crossmodal.data.columns import TableDataset
from crossmodal.data.file_patterns import Patterns, named


class Params(TableDataset):
    """Parquet files with a row for each image: its bytes, or its path below the folder `images`."""

    kind: Literal["parquet"]
    tables: Patterns = Field(min_length=1)
    """The files, such as ["pairs/*.parquet"], or those of each split."""

    def is_split(self) -> bool:
        return isinstance(self.tables, dict) or self.columns.split is not None

    def split_key(self) -> str:
        return "tables by split" if isinstance(self.tables, dict) else "columns.split"

    def files(self) -> dict[str, str]:
        return {**named("tables", self.tables), **self.class_files()}
