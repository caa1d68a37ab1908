"""Parameters of the shift `word_order`."""

from typing import ClassVar, Literal

from crossmodal.parameters import Parameters, Severity


class Params(Parameters):
    """Words in another order."""

    space: ClassVar[str] = "texts"
    """What it changes."""

    kind: Literal["word_order"]
    severity: Severity
    """1 to 5: a word moves by at most 1, 2, 3 or 5 places; at 5 any order is as likely."""
