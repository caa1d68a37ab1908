"""Parameters that the datasets made of anyone's files have in common. Free of torch and pandas."""

from typing import Literal, Self, TypeAlias

from pydantic import Field, model_validator

from crossmodal.data.base import DatasetParameters, Splits
from crossmodal.parameters import Count, Parameters, Share

SplitName: TypeAlias = Literal["train", "val", "test"]

SPLIT_NAMES: dict[str, SplitName] = {"train": "train", "val": "val", "validation": "val", "test": "test"}
"""Names that datasets give their splits, and what they are here."""


class Expected(Parameters):
    """How much a dataset has, by its paper or its page: what a half-finished download does not have.

    Counted is what the files list, before `limit` and before an image is opened, so images that turn out to be
    unusable are among them. Another count is an error; leave out what is not known for sure, as with web crawls of
    which every copy differs.
    """

    images: Count | None = None
    captions: Count | None = None
    labels: Count | None = None
    train: Count | None = None
    """Images of the training split; `val` and `test` of the others."""
    val: Count | None = None
    test: Count | None = None


class FileDataset(DatasetParameters):
    """Base of the kinds that read files as others published them."""

    image_size: Count | None = None
    """Shorter side to shrink larger images to, px; null keeps every file as it is."""
    limit: Count | None = None
    """About how many images to take, by a hash of their ids, of each split in proportion; null takes all."""
    split: Splits | None = None
    """Shares of the splits, for data that come without; null where the data say which split an image is in."""
    split_by: Literal["image", "label"] = "image"
    """What `split` divides: images, or labels, of which all images then are in one split."""
    val_from_train: Share = 0.0
    """Share of the training images that become the validation split, for data that come without one."""
    expected: Expected = Expected()
    """Counts to check the files against."""
    title: str = ""
    """Name of the dataset, for the data sheet."""
    version: str = ""
    """Version or date of the files, for the data sheet."""
    source: str = ""
    """Where the images come from, for the data sheet."""
    licence: str = "not stated"
    """The terms under which the images may be used, for the data sheet."""
    citation: str = ""
    """The paper that asks to be cited, for the data sheet."""
    style: str = Field(default="photograph", min_length=1)
    """What kind of picture all images are, such as photograph, sketch or painting."""

    def is_split(self) -> bool:
        """Return whether the data say which split an image is in."""
        raise NotImplementedError

    def split_key(self) -> str:
        """Return the parameter that says so, for messages."""
        return "splits"

    @model_validator(mode="after")
    def _split_once(self) -> Self:
        key = self.split_key()
        if self.is_split() and self.split:
            raise ValueError(f"split and {key} both say what is in which split; leave one of them out")
        if not self.is_split() and not self.split:
            raise ValueError(
                f"nothing says what is in which split; give shares, as in "
                f"split: {{train: 0.6, val: 0.1, test: 0.3}}, or {key}"
            )
        return self
