"""Attacks on a CLIP's images, on its texts, or on both at once: one objective, one gradient for both."""

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Generator, Tensor

from crossmodal.attacks.ascent import Ball, ascend
from crossmodal.attacks.context import frozen
from crossmodal.models.architecture import CLIP
from crossmodal.models.towers import (
    encode_images,
    encode_texts,
    mean_token_norm,
    perturbable,
    token_embedding,
)
from crossmodal.parameters import Parameters
from crossmodal.registry import load

Objective = Callable[[Tensor, Tensor], Tensor]
"""Image features [b, d] and text features [t, d] to what the attack makes large: a scalar or one value an
example. For a targeted attack, minus the loss with respect to the target."""


def attack_batch(
    model: CLIP, pixels: Tensor, tokens: Tensor, objective: Objective,
    images: Parameters | None, texts: Parameters | None, generator: Generator, keep_best: bool = True,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """Return attacked pixels, float [b, c, h, w] in [0, 1], and token offsets, float [t, context, width].

    `images` and `texts` are parameters of an attack on pixels and of one on token embeddings; a side without
    an attack comes back unchanged (pixels as given, no offsets), and its features are computed once. The
    model is in eval() meanwhile and no gradient reaches its parameters. For `keep_best` see `ascend`.
    """
    balls: list[Ball] = []
    if images is not None:
        balls.append(load("attacks", _kind(images)).make_ball(pixels, images))
    if texts is not None:
        weight = token_embedding(model).weight
        zeros = torch.zeros(*tokens.shape, weight.shape[1], dtype=weight.dtype, device=weight.device)
        attack = load("attacks", _kind(texts))
        balls.append(attack.make_ball(zeros, texts, perturbable(tokens), mean_token_norm(model)))
    if not balls:
        return pixels, None
    with frozen(model), torch.no_grad():
        fixed_images = encode_images(model, pixels) if images is None else None
        fixed_texts = encode_texts(model, tokens) if texts is None else None

        def loss(deltas: Sequence[Tensor]) -> Tensor:
            image_features = fixed_images
            if image_features is None:
                image_features = encode_images(model, pixels + deltas[0])
            text_features = fixed_texts
            if text_features is None:
                text_features = encode_texts(model, tokens, deltas[-1])
            return objective(image_features, text_features)

        deltas = ascend(loss, balls, generator, keep_best)
    attacked = pixels if images is None else (pixels + deltas[0]).clamp(0, 1)
    return attacked, None if texts is None else deltas[-1]


def _kind(params: Parameters) -> str:
    return cast(str, params.kind)  # type: ignore[attr-defined]  # every kind's parameters have it
