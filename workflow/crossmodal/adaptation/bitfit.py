"""BitFit (Zaken et al. 2022): only the bias terms train, in both towers.

With the biases of the normalisation layers that is 0.11 % of ViT-B/32, without them 0.09 %. The scale of the
logits stays frozen, and so do the running statistics of batch normalisation. Its bias trains in either case: the
convolution before it has none of its own, and folded into it, batch normalisation gives it that one.
"""

import torch
from torch import nn

from crossmodal.adaptation.bitfit_params import Params
from crossmodal.adaptation.trainable import freeze, tower_of
from crossmodal.models.architecture import CLIP

_NORMALISATION = (nn.LayerNorm, nn.GroupNorm)


def attach(model: CLIP, params: Params, generator: torch.Generator) -> None:
    """Let exactly the bias terms of `model` train: `bias`, and `in_proj_bias` of the attention layers."""
    freeze(model)
    for path, module in model.named_modules():
        if isinstance(module, _NORMALISATION) and not params.layer_norm:
            continue
        for name, parameter in module.named_parameters(path, recurse=False):
            if name.endswith("bias") and tower_of(name) != "joint":
                parameter.requires_grad_(True)
