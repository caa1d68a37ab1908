"""Parameters of the dataset kind `emoji_classes`: one style of emoji, sorted by Unicode's subgroups."""

from typing import Literal

from crossmodal.data.base import Splits
from crossmodal.data.class_sets import ClassSetParameters
from crossmodal.data.emoji_params import EMOJIBASE, EMOJILIB, OPENMOJI, STYLES, Style
from crossmodal.data.packages import Package


class Params(ClassSetParameters):
    """Emoji of one style; their classes are Unicode's subgroups, such as animal-bird and place-building.

    Shares are those of a class's families, which stand in one split, and the same one in every style.
    """

    kind: Literal["emoji_classes"]
    style: Style
    captions: Literal["people", "web", "templates"] = "people"
    """Where the captions come from, as in the kind `emoji`."""
    held_out: Splits | None = None
    """Concepts that these shares put into validation or test of a dataset of the kind `emoji` are not in this one;
    null leaves none out. It moves no other concept to another split."""

    def packages(self) -> tuple[Package, ...]:
        return (EMOJIBASE, EMOJILIB, OPENMOJI, STYLES[self.style])

    def pictures(self) -> frozenset[str]:
        return frozenset((STYLES[self.style].name,))

    def cluster(self) -> Literal["image_id", "group"]:
        """A group is a family: of the hours of a clock, who knows one knows all."""
        return "group"
