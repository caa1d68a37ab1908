"""Datasets to classify: a label is a class with images in every split, cut within each class. Free of torch."""

from typing import Annotated

from pydantic import Field

from crossmodal.data.base import DatasetParameters, Splits
from crossmodal.parameters import Count


class ClassSetParameters(DatasetParameters):
    """Base of the kinds whose images are to be sorted into classes after a few examples of each."""

    image_size: Count = Field(default=64, ge=8)
    """Width and height of the stored images, px."""
    split: Splits = Splits(train=0.6, val=0.15, test=0.25)
    """Shares of each class, met within the class."""
    min_images: Annotated[int, Field(ge=0)] = 16
    """Classes with fewer training images are left out: they have not as many shots. 0 where nothing is trained."""
    min_val_images: Annotated[int, Field(ge=0)] = 4
    """Classes with fewer validation images are left out; 0 where nothing is chosen."""
    min_test_images: Count = 1
    """Classes with fewer test images are left out."""
    limit: Count | None = None
    """Images of each class that are kept, in each split as many as its share of them, drawn by a hash: so that no
    class outweighs all others, and for small runs. Null keeps all."""
