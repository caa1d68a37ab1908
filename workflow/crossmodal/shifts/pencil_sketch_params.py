"""Parameters of the shift `pencil_sketch`."""

from typing import Literal

from crossmodal.parameters import Severity
from crossmodal.shifts.base import ImageShift


class Params(ImageShift):
    """A drawing of the image in coloured pencils."""

    kind: Literal["pencil_sketch"]
    severity: Severity
    """1 to 5: from dense shading to outlines with faint hatching."""
