"""BitFit (Zaken et al. 2022): only the bias terms train, in both towers.

With the biases of the normalisation layers that is 0.11 % of ViT-B/32, without them 0.09 %. The scale of the
logits stays frozen, and so do the running statistics of batch normalisation.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from crossmodal.adaptation.bitfit_params import Params
from crossmodal.adaptation.trainable import (
    NORMALISATION,
    freeze,
    release,
    restore_tensors,
    tower_of,
    trainable_tensors,
)
from crossmodal.models.architecture import CLIP


def attach(model: CLIP, params: Params, generator: torch.Generator) -> None:
    """Let exactly the bias terms of `model` train: `bias`, and `in_proj_bias` of the attention layers."""
    freeze(model)
    for path, module in model.named_modules():
        if isinstance(module, NORMALISATION) and not params.layer_norm:
            continue
        for name, parameter in module.named_parameters(path, recurse=False):
            if name.endswith("bias") and tower_of(name) != "joint":
                parameter.requires_grad_(True)


def merge(model: CLIP) -> None:
    """Leave the weights as they are: the biases of the base model themselves were trained."""
    release(model)


def state(model: CLIP) -> dict[str, Tensor]:
    """Return copies of the trained biases, on the CPU, by their names in the model."""
    return trainable_tensors(model)


def restore(model: CLIP, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `state` returned; UserError where it is of another model or method."""
    restore_tensors(model, tensors)
