"""Parameters of low-rank structured updates."""

from typing import Literal

from crossmodal.updates.settings import StructuredParameters


class Params(StructuredParameters):
    """LoRSU: the heads and the single weights with the largest gradients on the new data."""

    kind: Literal["lorsu"]
    """Low-rank adaptation with structured updates (Panos et al. 2024)."""
