"""Full fine-tuning: every parameter of both towers trains, and the scale of the logits with them.

It is the only method that trains `logit_scale`: the scale belongs to the pretrained model, and the methods
that keep the model frozen keep it too, so that their parameter counts are those of the literature.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from crossmodal.adaptation.full_params import Params
from crossmodal.adaptation.trainable import restore_tensors, trainable_tensors
from crossmodal.models.architecture import CLIP


def attach(model: CLIP, params: Params, generator: torch.Generator) -> None:
    """Let every parameter of `model` train."""
    model.requires_grad_(True)


def merge(model: CLIP) -> None:
    """Do nothing: the base weights themselves were trained."""


def state(model: CLIP) -> dict[str, Tensor]:
    """Return copies of all parameters, on the CPU, by their names in the model."""
    return trainable_tensors(model)


def restore(model: CLIP, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `state` returned; UserError where it is of another model."""
    restore_tensors(model, tensors)
