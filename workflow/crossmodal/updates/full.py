"""Every parameter of the tower trains, and nothing of the other: neither its own nor the scale of the
logits."""

from collections.abc import Mapping

from torch import Tensor

from crossmodal.adaptation.targets import Towers, wanted_towers
from crossmodal.adaptation.trainable import freeze, tower_of
from crossmodal.models.architecture import CLIP
from crossmodal.updates.full_params import Params
from crossmodal.updates.masks import Masks

PASSES = 3
"""There, and back for what comes in and for the weights."""


def attach(model: CLIP, params: Params, towers: Towers, gradients: Mapping[str, Tensor], seed: int) -> Masks:
    """Let every parameter of `towers` train."""
    freeze(model)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(tower_of(name) in wanted_towers(towers))
    return Masks({})
