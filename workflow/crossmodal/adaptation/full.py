"""Full fine-tuning: every parameter of both towers trains, and the scale of the logits with them.

It is the only method that trains `logit_scale`: the scale belongs to the pretrained model, and the methods
that keep the model frozen keep it too, so that their parameter counts are those of the literature.
"""

import torch

from crossmodal.adaptation.full_params import Params
from crossmodal.models.architecture import CLIP


def attach(model: CLIP, params: Params, generator: torch.Generator) -> None:
    """Let every parameter of `model` train."""
    model.requires_grad_(True)
