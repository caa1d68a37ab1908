"""Parameters of the shift `typos`."""

from typing import ClassVar, Literal

from crossmodal.parameters import Parameters, Severity


class Params(Parameters):
    """Slips of the hand on a keyboard."""

    space: ClassVar[str] = "texts"
    """What it changes."""

    kind: Literal["typos"]
    severity: Severity
    """1 to 5: about 2, 5, 10, 15 or 20 of a hundred letters are hit."""
