"""Linear projection only: the matrices that take both towers into the joint space train, nothing else.

These are `visual.proj` and `text_projection` of open_clip's CLIP; other towers have theirs under the names
below, and where that is a small network all of it trains. It is full fine-tuning restricted to these names.

Hugging Face peft cannot hold them in its layout: `modules_to_save` takes modules and these are bare parameters.
The saved tensors have their names in the model.
"""

import torch

from crossmodal.adaptation.linear_params import Params
from crossmodal.adaptation.trainable import freeze
from crossmodal.errors import UserError
from crossmodal.models.architecture import CLIP

PROJECTIONS = {
    "image": (
        "visual.proj",
        "visual.attnpool.c_proj",
        "visual.head.proj",
        "visual.head.mlp",
        "visual.trunk.classifier",
    ),
    "text": ("text_projection", "text.text_projection", "text.proj"),
}
"""Where open_clip keeps them: in its transformers, its ResNets, timm's models and Hugging Face's."""


def attach(model: CLIP, params: Params, generator: torch.Generator) -> None:
    """Let exactly the last projection of each tower train; UserError for a tower that has none."""
    freeze(model)
    for tower, places in PROJECTIONS.items():
        found = [
            p for name, p in model.named_parameters() if f"{name}.".startswith(tuple(f"{x}." for x in places))
        ]
        if not found:
            raise UserError(f"linear: the {tower} tower has no projection into the joint space to train")
        for parameter in found:
            parameter.requires_grad_(True)
