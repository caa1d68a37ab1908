"""Parameters of the index `flat`."""

from typing import Literal

from crossmodal.parameters import Parameters


class Params(Parameters):
    """Exhaustive search over the exact vectors: the reference."""

    kind: Literal["flat"]
