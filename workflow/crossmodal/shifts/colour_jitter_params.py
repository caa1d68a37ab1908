"""Parameters of the shift `colour_jitter`."""

from typing import ClassVar, Literal

from crossmodal.parameters import Parameters, Severity


class Params(Parameters):
    """Random brightness, contrast, saturation and hue."""

    space: ClassVar[str] = "images"
    """What it changes."""

    kind: Literal["colour_jitter"]
    severity: Severity
    """1 to 5; factors are drawn from 1 ± 0.12 a step, hue turns by at most 14.4 degrees a step."""
