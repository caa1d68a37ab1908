"""Parameters of the dataset kind `icon_sets`: which packages of Iconify, pinned, at which size."""

from typing import Annotated, Literal

from pydantic import Field

from crossmodal.data.base import DatasetParameters, Splits
from crossmodal.data.packages import Package
from crossmodal.parameters import Count, Name, Parameters

SCOPE = "@iconify-json/"


class Pin(Parameters):
    """One version of a package and the checksum of its tarball."""

    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    sha512: Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]
    """Lower-case hexadecimal digest of the tarball that npm gives."""


class Params(DatasetParameters):
    """Icons of many sets, drawn in black where they have no colours of their own: what a gallery grows by."""

    kind: Literal["icon_sets"]
    sets: dict[Name, Pin] = Field(min_length=1)
    """The sets by the name that their package has after `@iconify-json/`."""
    image_size: Count = 64
    """Width and height of the stored images, px."""
    limit: Count | None = None
    """Icons of each set, the first by name, for small runs; null keeps all."""
    split: Splits = Splits(train=1.0, val=0.0, test=0.0)
    """Shares of names (not of images): a name is in one split, whatever the set."""

    def packages(self) -> tuple[Package, ...]:
        return tuple(Package(f"{SCOPE}{name}", pin.version, pin.sha512) for name, pin in self.sets.items())
