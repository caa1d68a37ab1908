"""Parameters of the shift `synonym`."""

from typing import ClassVar, Literal

from crossmodal.parameters import Parameters, Severity


class Params(Parameters):
    """Words replaced by words of the same meaning."""

    space: ClassVar[str] = "texts"
    """What it changes."""

    kind: Literal["synonym"]
    severity: Severity
    """1 to 5: a fifth to all of the words that have a synonym are replaced."""
