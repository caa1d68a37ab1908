"""Parameters of no update at all."""

from typing import Literal

from crossmodal.parameters import Parameters


class Params(Parameters):
    """Nothing trains: what the base model knows of the classes by their names."""

    kind: Literal["frozen"]
    """No update."""
