"""Parameters of an image tower that learns to fit a text tower which stays as it is. Free of torch."""

from typing import Literal

from crossmodal.models.alignment_settings import AlignmentParameters
from crossmodal.models.towers_params import Params as TowersParams


class Params(TowersParams):
    """An image tower under a frozen text tower: all of it trains, and of the text tower the projection alone."""

    kind: Literal["locked_text"]  # type: ignore[assignment]
    """An image tower of timm that is trained to fit a text tower with its weights as they are."""
    alignment: AlignmentParameters | None = None
    """How the projections are trained on features of the frozen towers before; null for none."""

    def adapts_by_default(self) -> bool:
        return False
