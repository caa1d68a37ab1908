"""Parameters of the shift `word_drop`."""

from typing import ClassVar, Literal

from crossmodal.parameters import Parameters, Severity


class Params(Parameters):
    """Words left out."""

    space: ClassVar[str] = "texts"
    """What it changes."""

    kind: Literal["word_drop"]
    severity: Severity
    """1 to 5: each word is left out with probability 0.1 to 0.5."""
