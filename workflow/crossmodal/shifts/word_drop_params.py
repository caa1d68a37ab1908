"""Parameters of the shift `word_drop`."""

from typing import Literal

from crossmodal.parameters import Severity
from crossmodal.shifts.base import TextShift


class Params(TextShift):
    """Words left out."""

    kind: Literal["word_drop"]
    severity: Severity
    """1 to 5: each word is left out with probability 0.1 to 0.5."""
