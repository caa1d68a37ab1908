"""Parameters of the index `flat`."""

from typing import Literal

from crossmodal.search.settings import IndexParameters


class Params(IndexParameters):
    """Exhaustive search over the exact vectors: the reference."""

    kind: Literal["flat"]
