"""Parameters of the shift `typos`."""

from typing import Literal

from crossmodal.parameters import Severity
from crossmodal.shifts.base import TextShift


class Params(TextShift):
    """Slips of the hand on a keyboard."""

    kind: Literal["typos"]
    severity: Severity
    """1 to 5: about 2, 5, 10, 15 or 20 of a hundred letters are hit."""
