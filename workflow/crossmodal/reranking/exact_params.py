"""Parameters of the stage `exact`."""

from typing import Literal

from crossmodal.reranking.settings import StageParameters


class Params(StageParameters):
    """Exact re-scoring: the order of the exact inner products."""

    kind: Literal["exact"]
