"""Parameters of the shift `letter_case`."""

from typing import Literal

from crossmodal.parameters import Severity
from crossmodal.shifts.base import TextShift


class Params(TextShift):
    """Small letters written as capitals."""

    kind: Literal["letter_case"]
    severity: Severity
    """1 to 5: a letter is capital with probability 0.1, 0.25, 0.5, 0.75 or 1."""
