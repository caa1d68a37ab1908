"""Parameters of the dataset kind `icon_classes`: one set of Iconify that sorts its icons into categories."""

from typing import Annotated, Literal

from pydantic import AfterValidator

from crossmodal.data.class_sets import ClassSetParameters
from crossmodal.data.icon_sets_params import SCOPE, Pin
from crossmodal.data.named_icons_params import NUMBERS, as_pattern
from crossmodal.data.packages import Package
from crossmodal.parameters import Name

Pattern = Annotated[str, AfterValidator(as_pattern)]


class Params(ClassSetParameters):
    """Icons of one set; their classes are the set's own categories.

    Shares are those of a class's families, the icons whose names differ by their endings.
    """

    kind: Literal["icon_classes"]
    icon_set: Name
    """The set by the name that its package has after `@iconify-json/`."""
    pin: Pin
    """Its version and checksum."""
    without: list[Pattern] = ["-24px"]
    """Endings, regular expressions, of names of icons that are left out: a drawing again, for small sizes."""
    endings: list[Pattern] = ["-outline", "-alt", r"-?\d+(px)?", f"-({'|'.join(NUMBERS)})"]
    """Endings, regular expressions, that tell a family apart: `bed`, `bed-2` and `bed-outline` are one."""

    def packages(self) -> tuple[Package, ...]:
        return (Package(f"{SCOPE}{self.icon_set}", self.pin.version, self.pin.sha512),)

    def cluster(self) -> Literal["image_id", "group"]:
        """A group is a family: an icon and its outline are one thing twice."""
        return "group"
