"""The two towers as functions: pixels in [0, 1] and token ids in, unit vectors out.

Every function takes the model first and works for any model that `clip` builds.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from crossmodal.models.architecture import CLIP


def to_pixels(images: Tensor) -> Tensor:
    """Return uint8 [b, h, w, 3] images as float32 [b, 3, h, w] in [0, 1]."""
    return images.permute(0, 3, 1, 2).contiguous().float().div_(255)


def encode_images(model: CLIP, pixels: Tensor) -> Tensor:
    """Return the unit-length embeddings, float32 [b, d], of `pixels` [b, 3, h, w] in [0, 1].

    Normalisation by mean and standard deviation happens here, so attacks work on plain pixels.
    """
    features = model.encode_image((pixels - model.pixel_mean) / model.pixel_std)
    return functional.normalize(features.float(), dim=-1)


def encode_texts(model: CLIP, tokens: Tensor, delta: Tensor | None = None) -> Tensor:
    """Return the unit-length embeddings, float32 [b, d], of `tokens` int64 [b, context].

    `delta` [b, context, width] is added to the token embeddings before the positional addition.
    """
    if delta is None:
        return functional.normalize(model.encode_text(tokens).float(), dim=-1)

    def add(_module: nn.Module, _args: object, embedded: Tensor) -> Tensor:
        return embedded + delta

    # A hook, so that whatever encode_text does (prompts, another open_clip version) stays in one place.
    handle = token_embedding(model).register_forward_hook(add)
    try:
        return functional.normalize(model.encode_text(tokens).float(), dim=-1)
    finally:
        handle.remove()


def token_embedding(model: CLIP) -> nn.Embedding:
    """Return the module that turns token ids into vectors."""
    return cast(nn.Embedding, model.token_embedding)


def embed_tokens(model: CLIP, tokens: Tensor) -> Tensor:
    """Return the token embeddings [b, context, width] of `tokens`, before the positional addition."""
    return cast(Tensor, token_embedding(model)(tokens))


def perturbable(tokens: Tensor) -> Tensor:
    """Return bool [b, context], true for word tokens: start, end and padding are false.

    Told by position, since padding has the id of the word token "!". The end is the first highest id, which
    is where CLIP pools.
    """
    position = torch.arange(tokens.shape[1], device=tokens.device)
    end = tokens.argmax(dim=-1, keepdim=True)
    return (position > 0) & (position < end)


def mean_token_norm(model: CLIP) -> float:
    """Return the mean L2 norm of the token embeddings, the unit of the text attack's radius."""
    return float(token_embedding(model).weight.detach().float().norm(dim=-1).mean())


def logit_scale(model: CLIP) -> Tensor:
    """Return the scale of the logits, the inverse of the temperature: a scalar, exponentiated."""
    return cast(Tensor, model.logit_scale).exp()
