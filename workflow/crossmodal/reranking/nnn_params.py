"""Parameters of the stage `nnn`."""

from typing import Literal

from crossmodal.parameters import Count, NotNegative
from crossmodal.reranking.settings import StageParameters


class Params(StageParameters):
    """Nearest neighbour normalisation (NNN, arXiv 2410.24114): images that are near to all captions lose."""

    kind: Literal["nnn"]
    k: Count | None = None
    """Nearest training captions whose mean similarity is taken off; null: chosen on validation lists."""
    weight: NotNegative | None = None
    """How much of it is taken off; 0 is exact re-scoring. Null: chosen on validation lists."""
