"""Random tensors and layers drawn from a generator, so that torch's global one has no part in a method."""

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn


def normal(shape: Sequence[int], std: float, generator: Generator, like: Tensor) -> Tensor:
    """Return numbers from N(0, `std`²) of `shape`, of the type and on the device of `like`."""
    return (std * torch.randn(tuple(shape), generator=generator, device=generator.device)).to(like)


def orthonormal(blocks: int, rows: int, columns: int, generator: Generator, like: Tensor) -> Tensor:
    """Return `blocks` matrices [rows, columns] with orthonormal columns, each drawn from all of them alike.

    They are of the type and on the device of `like`; `columns` is at most `rows`. The signs of the triangular
    factor's diagonal go into the other one, without which the draw is not uniform (Mezzadri 2007, section 5).
    """
    drawn = torch.randn(
        blocks, rows, columns, generator=generator, device=generator.device, dtype=torch.float64
    )
    q, r = torch.linalg.qr(drawn)
    return (q * r.diagonal(dim1=1, dim2=2).sign().unsqueeze(1)).to(like)


def linear(inputs: int, outputs: int, generator: Generator, like: Tensor) -> nn.Linear:
    """Return a layer as nn.Linear draws it: weights and biases uniform in ±1/√inputs."""
    layer = nn.utils.skip_init(nn.Linear, inputs, outputs, device=like.device, dtype=like.dtype)
    _draw(layer, inputs, generator, like)
    return layer


def pointwise(inputs: int, outputs: int, generator: Generator, like: Tensor) -> nn.Conv2d:
    """Return a 1×1 convolution, `linear` at each pixel: the same draws in the same order."""
    layer = nn.utils.skip_init(nn.Conv2d, inputs, outputs, 1, device=like.device, dtype=like.dtype)
    _draw(layer, inputs, generator, like)
    return layer


def _draw(layer: nn.Module, inputs: int, generator: Generator, like: Tensor) -> None:
    for name, parameter in layer.named_parameters():
        uniform = torch.rand(parameter.shape, generator=generator, device=generator.device)
        setattr(layer, name, nn.Parameter(((2 * uniform - 1) / math.sqrt(inputs)).to(like)))
