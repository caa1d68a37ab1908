"""Parameters of the shift `pencil_sketch`."""

from typing import ClassVar, Literal

from crossmodal.parameters import Parameters, Severity


class Params(Parameters):
    """A grey pencil sketch of the image."""

    space: ClassVar[str] = "images"
    """What it changes."""

    kind: Literal["pencil_sketch"]
    severity: Severity
    """1 to 5: from dense shading to a few faint outlines."""
