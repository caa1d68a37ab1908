"""The image tower in two parts: features that are computed once, and the last linear map, which can be trained."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from crossmodal.errors import UserError
from crossmodal.models import clip, dual_encoder
from crossmodal.models.architecture import CLIP
from crossmodal.models.projections import Projection, projection, without


class SplitTower(NamedTuple):
    """An image tower as `features` followed by a linear map: features @ weight.T + bias."""

    features: Callable[[Tensor], Tensor]
    """Of pixels [b, 3, h, w] in [0, 1]: float32 [b, w], before the projection."""
    weight: Tensor
    """float32 [d, w], a copy without gradient, on the device of the model."""
    bias: Tensor | None
    """float32 [d]; None where there is none."""


def split_projection(model: CLIP) -> SplitTower:
    """Return the image tower of `model` in two parts, whose product are the features before normalisation.

    The projection is open_clip's matrix [w, d] of a vision transformer, the layer behind a timm network, or the
    one in the place of its classifier. A tower that ends otherwise (the attention of CLIP's ResNets, an MLP) is
    all features, and its map the identity, w = d.
    """
    try:
        last = projection(model, "image")
    except UserError:
        width, like = clip.embedding_size(model), model.logit_scale
        identity = torch.eye(width, dtype=torch.float32, device=like.device)
        return SplitTower(partial(_whole, model), identity, None)
    held = last.held
    weight = held.weight if isinstance(held, nn.Linear) else held.T
    bias = held.bias if isinstance(held, nn.Linear) else None
    return SplitTower(
        partial(_before, model, last), _copy(weight).contiguous(), None if bias is None else _copy(bias)
    )


def _whole(model: CLIP, pixels: Tensor) -> Tensor:
    return dual_encoder.image_features(model, pixels).float()


def _before(model: CLIP, last: Projection, pixels: Tensor) -> Tensor:
    with without(last):
        return dual_encoder.image_features(model, pixels).float()


def _copy(tensor: Tensor) -> Tensor:
    return tensor.detach().float().clone()
