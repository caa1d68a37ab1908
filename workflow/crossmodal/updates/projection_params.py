"""Parameters of updating the projection into the joint space."""

from typing import Literal

from crossmodal.parameters import Parameters


class Params(Parameters):
    """The matrix that takes a tower into the joint space trains, nothing else."""

    kind: Literal["projection"]
    """The last projection."""
