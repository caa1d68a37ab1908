"""The Euclidean norm of each image, token or embedding: what the L2 balls of all attacks are made of."""

import torch
from torch import Generator, Tensor

from crossmodal.attacks.ascent import draw


def l2_norm(values: Tensor, dims: int) -> Tensor:
    """Return the L2 norm over the last `dims` dimensions of `values`, which stay with length 1."""
    return torch.linalg.vector_norm(values, dim=tuple(range(-dims, 0)), keepdim=True)


def l2_unit(values: Tensor, dims: int) -> Tensor:
    """Return `values` divided by their norm over the last `dims` dimensions; 0 stays 0."""
    return values / l2_norm(values, dims).clamp_min(torch.finfo(values.dtype).tiny)


def shrink_to_ball(values: Tensor, radius: float, dims: int) -> Tensor:
    """Return `values` brought back to the ball of `radius` over the last `dims` dimensions: its nearest point."""
    return values * (radius / l2_norm(values, dims).clamp_min(torch.finfo(values.dtype).tiny)).clamp_max(1)


def draw_in_ball(like: Tensor, radius: float, dims: int, generator: Generator) -> Tensor:
    """Return points of the shape of `like`, uniform in the ball of `radius` over the last `dims` dimensions."""
    kept = (*like.shape[:-dims], *(1,) * dims)
    share = draw(kept, generator, like) ** (1 / like.shape[-dims:].numel())
    return l2_unit(draw(like.shape, generator, like, normal=True), dims) * share * radius
