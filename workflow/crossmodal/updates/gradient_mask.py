"""The sparse part of LoRSU alone, as in SPU (Zhang et al. 2024, arXiv 2308.12462).

Of the first layer of each MLP the single weights with the largest |g| train under a mask.
"""

from collections.abc import Mapping

from torch import Tensor

from crossmodal.adaptation.targets import Towers
from crossmodal.adaptation.trainable import freeze
from crossmodal.errors import UserError
from crossmodal.models.architecture import CLIP
from crossmodal.updates.gradient_mask_params import Params
from crossmodal.updates.masks import Masks
from crossmodal.updates.parts import find_parts
from crossmodal.updates.structured import by_gradient, masks_of

GRADIENTS = True
"""It chooses by gradients."""


def attach(model: CLIP, params: Params, towers: Towers, gradients: Mapping[str, Tensor], seed: int) -> Masks:
    """Let the chosen weights of `towers` train; UserError where no MLP, and no widening convolution, is
    there."""
    masks = masks_of(find_parts(model, towers, params.kind).first, params.sparsity, by_gradient(gradients))
    if not masks:
        raise UserError(
            f"{params.kind}: the {towers} tower has no first layer of an MLP to choose weights of"
        )
    freeze(model)
    named = dict(model.named_parameters())
    for name in masks:
        named[name].requires_grad_(True)
    return Masks({name: (named[name], mask) for name, mask in masks.items()})
