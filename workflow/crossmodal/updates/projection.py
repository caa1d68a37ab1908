"""The projection into the joint space alone, all of it: what needs no update of a tower's layers."""

from collections.abc import Mapping

from torch import Tensor

from crossmodal.adaptation.targets import Towers
from crossmodal.adaptation.trainable import freeze
from crossmodal.models.architecture import CLIP
from crossmodal.updates.masks import Masks
from crossmodal.updates.parts import find_parts, weight_of
from crossmodal.updates.projection_params import Params

PASSES = 1
"""There, as behind the projection nothing is left to go back through."""


def attach(model: CLIP, params: Params, towers: Towers, gradients: Mapping[str, Tensor], seed: int) -> Masks:
    """Let the projections of `towers` train."""
    freeze(model)
    for target in find_parts(model, towers, params.kind).projections:
        weight_of(target).requires_grad_(True)
    return Masks({})
