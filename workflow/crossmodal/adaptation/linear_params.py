"""Parameters of training the projections only."""

from typing import Literal

from crossmodal.parameters import Parameters


class Params(Parameters):
    """Linear projection only: the last projection of each tower trains, the base model stays frozen."""

    kind: Literal["linear"]
    """The last projection of each tower."""
