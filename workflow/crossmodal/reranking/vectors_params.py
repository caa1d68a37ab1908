"""Parameters of the stage `vectors`."""

from typing import Literal

from crossmodal.reranking.settings import NetworkParameters


class Params(NetworkParameters):
    """A transformer that sees the vectors of a query and of its candidates together."""

    kind: Literal["vectors"] = "vectors"
    final_projection_only: bool = False
    """Train the last projection alone and leave the transformer at its random start."""
