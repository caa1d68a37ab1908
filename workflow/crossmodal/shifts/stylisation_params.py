"""Parameters of the shift `stylisation`."""

from typing import ClassVar, Literal

from crossmodal.parameters import Parameters, Severity


class Params(Parameters):
    """A painting of the image."""

    space: ClassVar[str] = "images"
    """What it changes."""

    kind: Literal["stylisation"]
    severity: Severity
    """1 to 5: from smooth areas with few outlines to dense dark outlines."""
