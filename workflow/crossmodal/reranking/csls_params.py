"""Parameters of the stage `csls`."""

from typing import Literal

from crossmodal.parameters import Count
from crossmodal.reranking.settings import StageParameters


class Params(StageParameters):
    """Cross-domain similarity local scaling (CSLS, arXiv 1710.04087) over all queries: transductive."""

    kind: Literal["csls"]
    k: Count | None = None
    """Queries nearest to an image whose mean similarity is taken off; null: chosen on validation lists."""
