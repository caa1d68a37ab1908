"""Parameters of the stage `cache`."""

from typing import Literal

from crossmodal.parameters import NotNegative, Positive
from crossmodal.reranking.settings import StageParameters


class Params(StageParameters):
    """A cache of training pairs (Tip-Adapter, arXiv 2207.09519): an image like those of like captions gains."""

    kind: Literal["cache"]
    alpha: NotNegative | None = None
    """Weight of the cache beside the inner product; 0 is exact re-scoring. Null: chosen on validation lists."""
    beta: NotNegative | None = None
    """Sharpness of the affinity of images, exp(-beta (1 - x.k)); null: chosen on validation lists."""
    temperature: Positive | None = None
    """Of the softmax over training captions, in units of the inner product; null: chosen on validation lists."""
