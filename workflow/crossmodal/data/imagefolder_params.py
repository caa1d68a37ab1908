"""Parameters of the dataset kind `imagefolder`: a folder of images for each class."""

from typing import Literal

from pydantic import Field

from crossmodal.data.classes import ClassDataset, Template
from crossmodal.data.file_dataset import SplitName


class Params(ClassDataset):
    """FOLDER/CLASS/*.jpg or, with `splits`, FOLDER/SPLIT/CLASS/*.jpg; captions are made of the classes' names."""

    kind: Literal["imagefolder"]
    folder: str = Field(min_length=1)
    """The folder that holds the folders of the classes, or of the splits."""
    splits: dict[str, SplitName] | None = Field(default=None, min_length=1)
    """What each folder of a split is here, such as {train: train, valid: val}; null where there are none."""
    templates: list[Template] = Field(default=["a photo of a {}."], min_length=1)
    """Captions to make of the name of an image's class."""

    def is_split(self) -> bool:
        return self.splits is not None

    def files(self) -> dict[str, str]:
        return self.class_files()
