"""Parameters of the shift `word_order`."""

from typing import Literal

from crossmodal.parameters import Severity
from crossmodal.shifts.base import TextShift


class Params(TextShift):
    """Words in another order."""

    kind: Literal["word_order"]
    severity: Severity
    """1 to 5: a word moves by at most 1, 2, 3 or 5 places; at 5 any order is as likely."""
