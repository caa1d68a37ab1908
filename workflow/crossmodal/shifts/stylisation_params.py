"""Parameters of the shift `stylisation`."""

from typing import Literal

from crossmodal.parameters import Severity
from crossmodal.shifts.base import ImageShift


class Params(ImageShift):
    """A watercolour of the image."""

    kind: Literal["stylisation"]
    severity: Severity
    """1 to 5: a step is 0.6 % of the shorter side that contours wobble by, and 15 % of the pigment."""
