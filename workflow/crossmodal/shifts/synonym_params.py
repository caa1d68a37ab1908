"""Parameters of the shift `synonym`."""

from typing import Literal

from crossmodal.parameters import Severity
from crossmodal.shifts.base import TextShift


class Params(TextShift):
    """Words replaced by words of the same meaning."""

    kind: Literal["synonym"]
    severity: Severity
    """1 to 5: a fifth to all of the words that have a synonym are replaced."""
