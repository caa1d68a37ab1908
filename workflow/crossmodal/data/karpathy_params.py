"""Parameters of the dataset kind `karpathy`: photographs with captions and a Karpathy split file."""

from typing import Literal

from pydantic import Field

from crossmodal.data.base import DatasetParameters
from crossmodal.data.file_dataset import Expected
from crossmodal.parameters import Count


class Params(DatasetParameters):
    """A folder of images and a split file as published for Flickr8K, Flickr30K and COCO."""

    kind: Literal["karpathy"]
    images: str = Field(min_length=1)
    """Folder of the images; for COCO the one that holds train2014 and val2014."""
    split_file: str = Field(min_length=1)
    """The JSON file with file names, captions and splits (dataset_flickr8k.json, dataset_coco.json ...)."""
    restval_as_train: bool = True
    """Whether COCO's images marked "restval" join the training split, as is usual, or are left aside."""
    image_size: Count | None = None
    """Shorter side to shrink larger images to, px; null keeps every file as it is."""
    limit: Count | None = None
    """About how many images to take, the first of each split in proportion; null takes all."""
    source: str = ""
    """Where the images come from, for the data sheet."""
    licence: str = "not stated"
    """The terms under which the images may be used, for the data sheet."""
    citation: str = ""
    """The paper that asks to be cited, for the data sheet."""
    expected: Expected = Expected()
    """Counts to check the split file against."""

    def has_classes(self) -> bool:
        return False

    def files(self) -> dict[str, str]:
        return {"split_file": self.split_file}
