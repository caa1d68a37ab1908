"""Attacks on a CLIP's images, on its texts, or on both at once: one objective, one gradient for both.

A side is attacked where it enters the model (pixels, token embeddings) or where it leaves it (its embedding).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

import torch
from torch import Generator, Tensor

from crossmodal.attacks.ascent import Ball, ascend
from crossmodal.attacks.context import frozen
from crossmodal.attacks.sphere import moved
from crossmodal.models.architecture import CLIP
from crossmodal.models.dual_encoder import (
    encode_images,
    encode_texts,
    perturbable,
    token_embedding,
)
from crossmodal.parameters import Parameters
from crossmodal.registry import load

Objective = Callable[[Tensor, Tensor], Tensor]
"""Image features [b, d] and text features [t, d] to what the attack makes large: a scalar or one value an
example. For a targeted attack, minus the loss with respect to the target (`objectives`)."""


class Attacked(NamedTuple):
    """A batch as an attack leaves it; what was not attacked is as given, or None."""

    pixels: Tensor
    """float [b, c, h, w] in [0, 1]."""
    token_offsets: Tensor | None = None
    """Added to the token embeddings, float [t, context, width]."""
    image_offsets: Tensor | None = None
    """Added to the image embeddings, float [b, d]; the sums have length 1."""
    text_offsets: Tensor | None = None
    """Added to the text embeddings, float [t, d]; the sums have length 1."""


class _Side(NamedTuple):
    ball: Ball | None
    encode: Callable[[Tensor], Tensor]
    """A perturbation to features; where there is no ball, whatever it is given to the clean features."""


def attack_batch(
    model: CLIP, pixels: Tensor, tokens: Tensor, objective: Objective,
    images: Parameters | None, texts: Parameters | None, unit: float, generator: Generator,
    keep_best: bool = True,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """Return attacked pixels, float [b, c, h, w] in [0, 1], and token offsets, float [t, context, width].

    As `attack_sides`, for attacks on what enters the model: ValueError for one on embeddings.
    """
    if "embeddings" in (_space(images), _space(texts)):
        raise ValueError("an attack on embeddings changes neither pixels nor tokens: use attack_sides")
    attacked = attack_sides(model, pixels, tokens, objective, images, texts, unit, generator, keep_best)
    return attacked.pixels, attacked.token_offsets


def attack_sides(
    model: CLIP, pixels: Tensor, tokens: Tensor, objective: Objective,
    images: Parameters | None, texts: Parameters | None, unit: float, generator: Generator,
    keep_best: bool = True, strength: float = 1.0,
) -> Attacked:  # fmt: skip
    """Return `pixels` [b, c, h, w] in [0, 1] and `tokens` [t, context] attacked so that `objective` is large.

    `images` and `texts` are parameters of an attack on pixels, on token embeddings, or (for either side) on
    the joint embedding; a side without an attack stays as it is, and its features are computed once. `unit` is
    the norm that epsilon counts in on token embeddings (`mean_token_norm` of the base model). The model is in
    eval() meanwhile and no gradient reaches its parameters. `strength` multiplies radii and steps. For
    `keep_best` see `ascend`.
    """
    if images is None and texts is None:
        return Attacked(pixels)
    with frozen(model), torch.no_grad():
        image = _image_side(model, pixels, images, strength)
        text = _text_side(model, tokens, texts, unit, strength)
        balls = [side.ball for side in (image, text) if side.ball is not None]

        def loss(deltas: Sequence[Tensor]) -> Tensor:
            return objective(image.encode(deltas[0]), text.encode(deltas[-1]))

        deltas = ascend(loss, balls, generator, keep_best)
    attacked = Attacked(pixels)
    if images is not None and _space(images) == "images":
        attacked = Attacked((pixels + deltas[0]).clamp(0, 1))
    elif images is not None:
        attacked = Attacked(pixels, image_offsets=deltas[0])
    if texts is None:
        return attacked
    if _space(texts) == "texts":
        return attacked._replace(token_offsets=deltas[-1])
    return attacked._replace(text_offsets=deltas[-1])


def _image_side(model: CLIP, pixels: Tensor, params: Parameters | None, strength: float) -> _Side:
    if params is not None and _space(params) == "images":
        ball = load("attacks", _kind(params)).make_ball(pixels, params, scale=strength)
        return _Side(ball, lambda delta: encode_images(model, pixels + delta))
    return _features_side(encode_images(model, pixels), params, strength)


def _text_side(model: CLIP, tokens: Tensor, params: Parameters | None, unit: float, strength: float) -> _Side:
    if params is not None and _space(params) == "texts":
        weight = token_embedding(model).weight
        zeros = torch.zeros(*tokens.shape, weight.shape[1], dtype=weight.dtype, device=weight.device)
        ball = load("attacks", _kind(params)).make_ball(
            zeros, params, perturbable(tokens, model), unit * strength
        )
        return _Side(ball, lambda delta: encode_texts(model, tokens, delta))
    return _features_side(encode_texts(model, tokens), params, strength)


def _features_side(features: Tensor, params: Parameters | None, strength: float) -> _Side:
    if params is None:
        return _Side(None, lambda _: features)
    if _space(params) != "embeddings":
        raise ValueError(f'the attack "{_kind(params)}" is one on {_space(params)}, not on this side')
    ball = load("attacks", _kind(params)).make_ball(features, params, scale=strength)
    return _Side(ball, lambda delta: moved(features, delta))


def _kind(params: Parameters) -> str:
    return cast(str, params.kind)  # type: ignore[attr-defined]  # every kind's parameters have it


def _space(params: Parameters | None) -> str | None:
    return None if params is None else cast(str, params.space)  # type: ignore[attr-defined]
