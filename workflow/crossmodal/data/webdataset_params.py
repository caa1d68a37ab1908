"""Parameters of the dataset kind `webdataset`: samples in tar files, as img2dataset writes them."""

from typing import Annotated, Literal

from pydantic import Field

from crossmodal.data.classes import ClassDataset
from crossmodal.data.file_patterns import Patterns, named


class Params(ClassDataset):
    """Tar files in which members of one name and several suffixes are a sample: 000000001.jpg, .txt and .json."""

    kind: Literal["webdataset"]
    shards: Patterns = Field(min_length=1)
    """The tar files, such as ["crawl/{00000..00031}.tar"] or ["crawl/*.tar"], or those of each split."""
    captions: list[Annotated[str, Field(min_length=1)]] = [".txt"]
    """Where captions are: the suffix of a text member with its dot, or a key of the .json member."""
    caption_per_line: bool = False
    """Whether each line of a text member is a caption; else the text is one."""
    label: str | None = None
    """Where the class is, by the same rule, such as ".cls"; null where an image is its own label."""
    group: str | None = None
    """Where the group is, by the same rule."""

    def is_split(self) -> bool:
        return isinstance(self.shards, dict)

    def split_key(self) -> str:
        return "shards by split"

    def has_classes(self) -> bool:
        return self.label is not None and bool(self.templates)

    def files(self) -> dict[str, str]:
        return {**named("shards", self.shards), **self.class_files()}
