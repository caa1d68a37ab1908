"""Parameters of the dataset kind `csv`: a table of paths and captions beside a folder of images."""

from typing import Annotated, Literal

from pydantic import Field

from crossmodal.data.columns import TableDataset

Character = Annotated[str, Field(min_length=1, max_length=1)]


class Params(TableDataset):
    """A text file with a row for each image, or one for each caption, and names of columns in its first line.

    A name that ends in .jsonl or .json is read as JSON: an object a line, or one list of objects.
    """

    kind: Literal["csv"]
    table: str = Field(min_length=1)
    """The file with the rows."""
    images: str = Field(min_length=1)
    """The folder that the paths in the image column are below."""
    delimiter: Character = ","
    """What stands between two columns, such as "," or "|" or a tab."""
    quote: Character | None = '"'
    """What texts with a delimiter in them stand in; null where quotes mean nothing."""

    def is_split(self) -> bool:
        return self.columns.split is not None

    def split_key(self) -> str:
        return "columns.split"

    def files(self) -> dict[str, str]:
        return {"table": self.table, **self.class_files()}
