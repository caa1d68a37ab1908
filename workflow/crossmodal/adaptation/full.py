"""Full fine-tuning: every parameter of both towers trains, and the scale of the logits with them.

It is the only method that trains `logit_scale`: the scale belongs to the pretrained model, and the methods
that keep the model frozen keep it too, so that their parameter counts are those of the literature.

Batch normalisation is held: its scale and shift train, its running statistics stay the base model's (see
`trainable`).
"""

import torch

from crossmodal.adaptation.full_params import Params
from crossmodal.adaptation.trainable import hold_statistics
from crossmodal.models.architecture import CLIP


def attach(model: CLIP, params: Params, generator: torch.Generator) -> None:
    """Let every parameter of `model` train, and hold its running statistics."""
    model.requires_grad_(True)
    hold_statistics(model)
