"""Parameters of the shift `resolution`."""

from typing import Literal

from crossmodal.parameters import Count
from crossmodal.shifts.base import ImageShift


class Params(ImageShift):
    """Loss of resolution."""

    kind: Literal["resolution"]
    size: Count
    """The shorter side after shrinking, px; the image is then enlarged to its old size."""
