"""Parameters of the dataset kind `named_icons`: packages of Iconify, and what of their names says nothing."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from crossmodal.data.base import DatasetParameters
from crossmodal.data.icon_sets_params import SCOPE, Pin
from crossmodal.data.packages import Package
from crossmodal.parameters import Count, Name


def as_pattern(value: str) -> str:
    """Return `value`; ValueError where it is no regular expression."""
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"got {value!r}, which is no regular expression: {error}") from None
    return value


NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


class Params(DatasetParameters):
    """One icon for each name, all in the test split: a domain to try a model on that was not trained on it."""

    kind: Literal["named_icons"]
    sets: dict[Name, Pin] = Field(min_length=1)
    """The sets by the name that their package has after `@iconify-json/`. A name that several have is that of the
    first, by the alphabet."""
    image_size: Count = 64
    """Width and height of the stored images, px."""
    endings: list[Annotated[str, AfterValidator(as_pattern)]] = [
        "-outline", "-stroked", "-alt", "-jp", r"-?\d+(px)?", f"-({'|'.join(NUMBERS)})",
    ]  # fmt: skip
    """Endings of names that tell drawings of one thing apart, regular expressions: of `bed`, `bed2`, `bed-two` and
    `bed-outline` the first is kept, and `cat-3` is called cat."""
    limit: Count | None = None
    """Icons that are kept, drawn by a hash of their names; null keeps all."""
    seed: int = 0
    """Seed of that hash."""

    @field_validator("sets")
    @classmethod
    def _in_order(cls, value: dict[str, Pin]) -> dict[str, Pin]:
        """The order of a mapping is no parameter: it is lost where parameters are written down."""
        return dict(sorted(value.items()))

    def packages(self) -> tuple[Package, ...]:
        return tuple(Package(f"{SCOPE}{name}", pin.version, pin.sha512) for name, pin in self.sets.items())
