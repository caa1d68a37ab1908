"""Parameters of the shift `letter_case`."""

from typing import ClassVar, Literal

from crossmodal.parameters import Parameters, Severity


class Params(Parameters):
    """Small letters written as capitals."""

    space: ClassVar[str] = "texts"
    """What it changes."""

    kind: Literal["letter_case"]
    severity: Severity
    """1 to 5: a letter is capital with probability 0.1, 0.25, 0.5, 0.75 or 1."""
