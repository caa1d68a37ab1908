"""Parameters of XMAdapter."""

from typing import Literal

from pydantic import Field

from crossmodal.classifiers.settings import TrainedCacheParameters
from crossmodal.parameters import Count, NotNegative, Positive, Share


class Params(TrainedCacheParameters):
    """XMAdapter: a cache of images and one of texts, weighed against each other, hard images more in training."""

    kind: Literal["xmadapter"]
    """Two caches (arXiv 2404.12588)."""
    gamma: Literal["learnt", "chosen"] | Share = "learnt"
    """Share of the image cache in the affinity: a number; `learnt` with the rest, from 0.5 on; or `chosen` of
    `gammas`, as alpha and beta are, after training at 0.5. 1 is Tip-Adapter-F where `hardness` is 0."""
    gammas: list[Share] = Field(default=[0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1], min_length=1)
    """What gamma may be chosen of; nothing reads it otherwise."""
    gamma_learning_rate: Positive = 0.05
    """Of the first step, for the number whose sigmoid gamma is: at the rate of the keys it would stay at 0.5."""
    hardness: NotNegative = 1.0
    """λ: a training image on which the two caches differ as much as in the mean of its batch counts 1 + λ times
    one on which they agree. 0 for all alike."""
    reduction: Count = 16
    """Hidden layers have d / reduction units, at least one."""
