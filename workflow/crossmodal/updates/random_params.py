"""Parameters of structured updates of what is drawn at random."""

from typing import Literal

from crossmodal.updates.settings import StructuredParameters


class Params(StructuredParameters):
    """LoRSU's sizes; heads and single weights are drawn at random, and no gradient is asked."""

    kind: Literal["random"]
    """Structured updates of a random choice."""
