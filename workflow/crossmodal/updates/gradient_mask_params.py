"""Parameters of masked fine-tuning of single weights."""

from typing import Literal

from crossmodal.parameters import Parameters
from crossmodal.updates.settings import Part


class Params(Parameters):
    """The sparse part of LoRSU alone: the weights of each MLP's first layer with the largest gradients
    train."""

    kind: Literal["gradient_mask"]
    """Selected weights alone, as in SPU (Zhang et al. 2024)."""
    sparsity: Part = 0.1
    """Share of the weights of each MLP's first layer that train."""
