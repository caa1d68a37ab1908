"""Parameters of updating a whole tower."""

from typing import Literal

from crossmodal.parameters import Parameters


class Params(Parameters):
    """Every parameter of the tower trains; the scale of the logits and running statistics stay."""

    kind: Literal["full"]
    """Every parameter."""
