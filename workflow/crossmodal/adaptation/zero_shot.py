"""The base model as it is: nothing trains, nothing is saved. The floor that every method is compared with."""

from collections.abc import Mapping

import torch
from torch import Tensor

from crossmodal.adaptation.trainable import check_fit, freeze
from crossmodal.adaptation.zero_shot_params import Params
from crossmodal.models.architecture import CLIP


def attach(model: CLIP, params: Params, generator: torch.Generator) -> None:
    """Freeze `model`."""
    freeze(model)


def merge(model: CLIP) -> None:
    """Do nothing: there is no adapter."""


def state(model: CLIP) -> dict[str, Tensor]:
    """Return an empty mapping."""
    return {}


def restore(model: CLIP, tensors: Mapping[str, Tensor]) -> None:
    """Raise UserError unless `tensors` is empty."""
    check_fit({}, tensors)
