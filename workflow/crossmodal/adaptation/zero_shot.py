"""The base model as it is: nothing trains, nothing is saved. The floor that every method is compared with."""

import torch

from crossmodal.adaptation.trainable import freeze
from crossmodal.adaptation.zero_shot_params import Params
from crossmodal.models.architecture import CLIP


def attach(model: CLIP, params: Params, generator: torch.Generator) -> None:
    """Freeze `model`."""
    freeze(model)
