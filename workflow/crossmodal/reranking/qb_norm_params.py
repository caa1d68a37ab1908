"""Parameters of the stage `qb_norm`."""

from typing import Literal

from crossmodal.parameters import NotNegative, Positive
from crossmodal.reranking.settings import StageParameters


class Params(StageParameters):
    """Query bank normalisation (QB-Norm, arXiv 2112.12777) with a bank of training captions."""

    kind: Literal["qb_norm"]
    temperature: Positive | None = None
    """Of the softmax over the bank, in units of the inner product (the paper's is 0.05); null: chosen on
    validation lists."""
    weight: NotNegative | None = 1.0
    """Share of the correction: 1 is the paper's, 0 is exact re-scoring; null: chosen on validation lists."""
    dynamic: bool = True
    """Correct only queries whose best candidate is the nearest image of some caption of the bank."""
