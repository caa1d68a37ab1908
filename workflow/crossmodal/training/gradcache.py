"""Gradient caching (Gao et al. 2021): the gradient of a large batch in the memory of a small one.

The batch is encoded in chunks without keeping activations; the loss of all features gives the gradient of each
feature; the chunks are encoded once more, and each takes its features' gradients backward. That is the chain rule
and no approximation: a step costs one forward pass more. Draws (dropout) are repeated in the second pass.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from typing import NamedTuple

import torch
from torch import Tensor, nn

from crossmodal.models.architecture import CLIP
from crossmodal.models.dual_encoder import encode_images, encode_texts, logit_scale
from crossmodal.training.precision import Precision
from crossmodal.training.step import Prepared


class _Chunk(NamedTuple):
    pixels: Tensor
    tokens: Tensor
    delta: Tensor | None


def cached_backward(
    model: CLIP, prepared: Prepared, tokens: Tensor, chunk: int, precision: Precision, weight: float = 1.0
) -> Tensor:
    """Add the gradient of `weight` times the loss of `prepared` to the parameters, and return the loss, detached.

    `chunk` is the greatest number of pairs that are encoded at once. Batch norm in train() takes its statistics
    from a chunk, and remembers those of the second pass only.
    """
    chunks = _split(prepared, tokens, ceil(len(tokens) / chunk))
    draws: list[_Draws] = []
    image_features, text_features = [], []
    with torch.no_grad(), _forgetful(model):
        for part in chunks:
            draws.append(_draws(prepared.pixels.device))
            with precision.autocast():
                image_features.append(encode_images(model, part.pixels))
                text_features.append(encode_texts(model, part.tokens, part.delta))
    images = torch.cat(image_features).requires_grad_(True)
    texts = torch.cat(text_features).requires_grad_(True)
    with precision.autocast():
        loss = prepared.loss(images, texts, logit_scale(model))
    precision.scaled(loss * weight).backward()
    sizes = [len(part.tokens) for part in chunks]
    gradients = zip(_split_gradient(images, sizes), _split_gradient(texts, sizes), strict=True)
    for part, before, (of_images, of_texts) in zip(chunks, draws, gradients, strict=True):
        _set_draws(before)
        # Both are encoded even where the loss knows one only: the draws must be the same.
        with precision.autocast():
            features = encode_images(model, part.pixels), encode_texts(model, part.tokens, part.delta)
        pairs = [
            (feature, gradient)
            for feature, gradient in zip(features, (of_images, of_texts), strict=True)
            if gradient is not None and feature.requires_grad
        ]
        if pairs:
            torch.autograd.backward([f for f, _ in pairs], [g for _, g in pairs])
    return loss.detach()


def _split(prepared: Prepared, tokens: Tensor, parts: int) -> list[_Chunk]:
    """Return the batch in `parts` chunks of equal size to within one pair."""
    deltas = [None] * parts if prepared.delta is None else prepared.delta.tensor_split(parts)
    return [
        _Chunk(*part)
        for part in zip(prepared.pixels.tensor_split(parts), tokens.tensor_split(parts), deltas, strict=True)
    ]


def _split_gradient(features: Tensor, sizes: list[int]) -> list[Tensor | None]:
    return [None] * len(sizes) if features.grad is None else list(features.grad.split(sizes))


class _Draws(NamedTuple):
    """The state of the generators that a forward pass draws from."""

    cpu: Tensor
    gpu: Tensor | None


def _draws(device: torch.device) -> _Draws:
    return _Draws(torch.get_rng_state(), torch.cuda.get_rng_state(device) if device.type == "cuda" else None)


def _set_draws(draws: _Draws) -> None:
    torch.set_rng_state(draws.cpu)
    if draws.gpu is not None:
        torch.cuda.set_rng_state(draws.gpu)


@contextmanager
def _forgetful(model: nn.Module) -> Iterator[None]:
    """Keep batch norm in train() from updating its running statistics."""
    norms = [
        module
        for module in model.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm)
        and module.training
        and module.track_running_stats
    ]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True
