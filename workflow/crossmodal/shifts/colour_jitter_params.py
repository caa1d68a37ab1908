"""Parameters of the shift `colour_jitter`."""

from typing import Literal

from crossmodal.parameters import Severity
from crossmodal.shifts.base import ImageShift


class Params(ImageShift):
    """Random brightness, contrast and saturation; hue stays."""

    kind: Literal["colour_jitter"]
    severity: Severity
    """1 to 5; factors are drawn from 1 ± 0.12 a step."""
