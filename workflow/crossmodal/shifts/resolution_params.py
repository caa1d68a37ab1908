"""Parameters of the shift `resolution`."""

from typing import ClassVar, Literal

from crossmodal.parameters import Count, Parameters


class Params(Parameters):
    """Loss of resolution."""

    space: ClassVar[str] = "images"
    """What it changes."""

    kind: Literal["resolution"]
    size: Count
    """The shorter side after shrinking, px; the image is then enlarged to its old size."""
