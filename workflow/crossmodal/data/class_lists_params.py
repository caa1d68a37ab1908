"""Parameters of the dataset kind `class_lists`: images with classes, listed in a JSON file by split."""

from typing import Literal

from pydantic import Field

from crossmodal.data.classes import ClassDataset, Template


class Params(ClassDataset):
    """A folder of images and a split file in the form of CoOp's, {"train": [[path, number, class], ...], ...}."""

    kind: Literal["class_lists"]
    images: str = Field(min_length=1)
    """The folder below which the split file's paths are."""
    split_file: str = Field(min_length=1)
    """The JSON file, such as split_zhou_Food101.json."""
    templates: list[Template] = Field(default=["a photo of a {}."], min_length=1)
    """Captions to make of the name of an image's class."""

    def is_split(self) -> bool:
        return True

    def split_key(self) -> str:
        return "split_file"

    def files(self) -> dict[str, str]:
        return {"split_file": self.split_file, **self.class_files()}
