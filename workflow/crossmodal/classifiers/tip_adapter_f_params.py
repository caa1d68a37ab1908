"""Parameters of Tip-Adapter-F."""

from typing import Literal

from crossmodal.classifiers.settings import TrainedCacheParameters


class Params(TrainedCacheParameters):
    """Tip-Adapter-F: a cache of training images whose keys are trained."""

    kind: Literal["tip_adapter_f"]
    """A trained cache (Zhang et al. 2022)."""
