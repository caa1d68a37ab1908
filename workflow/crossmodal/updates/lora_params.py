"""Parameters of low-rank updates of all heads."""

from typing import Literal, Self

from pydantic import model_validator

from crossmodal.parameters import Count
from crossmodal.updates.lorsu_params import Params as Structured
from crossmodal.updates.settings import TermParameters


class Params(TermParameters):
    """LoRA where LoRSU has its terms, on all heads (all channels of a convolution), or wherever it trains
    weights; no sparse part."""

    kind: Literal["lora"]
    """Low-rank adaptation (Hu et al. 2021)."""
    rank: Count | None = None
    """Rank r of each added term; null where `matches` says it."""
    first_layers: bool = False
    """Whether first layers of MLPs, of which LoRSU trains single weights, have terms too; in a convolutional
    tower the convolutions that widen."""
    matches: Structured | None = None
    """An update whose number of trained parameters the rank is chosen for: the largest rank that trains no
    more."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.rank is None) == (self.matches is None):
            raise ValueError("lora: write either rank or matches, an update whose budget it is to have")
        return self
