"""Parameters of the stage `distilled`."""

from typing import Literal

from crossmodal.parameters import Count, Name, Positive, Share
from crossmodal.reranking.settings import NetworkParameters


class Params(NetworkParameters):
    """A re-ranker of one layer that learns from the scores of a larger one."""

    kind: Literal["distilled"]
    teacher: Name
    """Stage of kind `vectors` whose scores it learns."""
    layers: Count = 1
    share: Share = 0.5
    """Share of the teacher's scores in the loss; the rest is the task's. 0 is training without a teacher."""
    temperature: Positive = 2.0
    """By which both sides' scores are divided before they are compared, as in Hinton et al. (2015)."""
