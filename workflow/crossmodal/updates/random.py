"""LoRSU's sizes on a random choice of heads and single weights: what choosing by gradients is worth.

Its random factors are LoRSU's of the same seed; what is chosen is drawn by itself.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from crossmodal.adaptation.targets import Towers
from crossmodal.models.architecture import CLIP
from crossmodal.seeds import seed_of
from crossmodal.updates import structured
from crossmodal.updates.masks import Masks
from crossmodal.updates.random_params import Params


def attach(model: CLIP, params: Params, towers: Towers, gradients: Mapping[str, Tensor], seed: int) -> Masks:
    """Let a random choice of `towers` train; UserError for more heads than there are, or too high a rank."""
    generator = torch.Generator().manual_seed(seed)
    return structured.attach(model, params, towers, structured.at_random(seed_of("choice", seed)), generator)
