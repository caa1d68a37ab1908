"""Parameters of Tip-Adapter."""

from typing import Literal

from crossmodal.classifiers.settings import CacheParameters


class Params(CacheParameters):
    """Tip-Adapter: a cache of training images votes beside zero-shot; nothing is trained."""

    kind: Literal["tip_adapter"]
    """An untrained cache (Zhang et al. 2022)."""
