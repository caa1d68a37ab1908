"""The two towers as functions: pixels in [0, 1] and token ids in, unit vectors out.

Every function takes the model first and works for any model that `clip` builds. A method of adaptation that
changes what a tower reads gives the model modules of these names, which are then called in its stead:

- `model.visual.prompts(visual, images)`, normalised images [b, 3, h, w] to features [b, d];
- `model.text_prompts(model, tokens, delta)`, with tokens and offsets as `encode_texts` has them, to features.

As modules of the model they are copied, moved and loaded with it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from crossmodal.models.architecture import CLIP

GROUP = 16
"""Captions that a tower of Hugging Face encodes at once on the CPU."""


def to_pixels(images: Tensor) -> Tensor:
    """Return uint8 [b, h, w, 3] images as float32 [b, 3, h, w] in [0, 1]."""
    return images.permute(0, 3, 1, 2).contiguous().float().div_(255)


def encode_images(model: CLIP, pixels: Tensor) -> Tensor:
    """Return the unit-length embeddings, float32 [b, d], of `pixels` [b, 3, h, w] in [0, 1]."""
    return functional.normalize(image_features(model, pixels).float(), dim=-1)


def image_features(model: CLIP, pixels: Tensor) -> Tensor:
    """Return the features [b, d] of `pixels` [b, 3, h, w] in [0, 1], of any length.

    Normalisation by mean and standard deviation happens here, so attacks work on plain pixels.
    """
    images = (pixels - model.pixel_mean) / model.pixel_std
    prompts = getattr(model.visual, "prompts", None)
    return cast(Tensor, model.encode_image(images) if prompts is None else prompts(model.visual, images))


def encode_texts(model: CLIP, tokens: Tensor, delta: Tensor | None = None) -> Tensor:
    """Return the unit-length embeddings, float32 [b, d], of `tokens` int64 [b, context].

    `delta` [b, context, width] is added to the token embeddings before the positional addition. Both are in
    the positions of the caption itself, wherever prompts may move its tokens.
    """
    if padding(model) is None or tokens.device.type != "cpu":
        return _encode_texts(model, tokens, delta)
    # A batch is cut after its longest caption: with those of like length together half of the work is saved.
    order = lengths(tokens).argsort(stable=True)
    groups = [
        _encode_texts(model, tokens[rows], None if delta is None else delta[rows])
        for rows in order.split(GROUP)
    ]
    return torch.cat(groups)[order.argsort()]


def _encode_texts(model: CLIP, tokens: Tensor, delta: Tensor | None) -> Tensor:
    prompts = getattr(model, "text_prompts", None)
    if prompts is None:
        features = text_features(model, tokens, None if delta is None else partial(shifted, delta=delta))
    else:
        features = prompts(model, tokens, delta)
    return functional.normalize(features.float(), dim=-1)


def text_features(model: CLIP, tokens: Tensor, edit: Callable[[Tensor], Tensor] | None = None) -> Tensor:
    """Return the features [b, d] of `tokens` int64 [b, context], of any length and without prompts.

    `edit` maps the token embeddings [b, c, width], up to the longest caption for a tower of Hugging Face, to those
    that the tower reads in their place, before the positional addition.
    """
    # With an edit and without one alike, so that one that changes nothing changes no bit.
    tokens = without_padding(model, tokens)
    if edit is None:
        return cast(Tensor, model.encode_text(tokens))

    def replace(_module: nn.Module, _args: object, embedded: Tensor) -> Tensor:
        return edit(embedded)

    # A hook, so that whatever encode_text does (another open_clip version, another tower) stays in one place.
    handle = token_embedding(model).register_forward_hook(replace)
    try:
        return cast(Tensor, model.encode_text(tokens))
    finally:
        handle.remove()


def shifted(embedded: Tensor, delta: Tensor) -> Tensor:
    """Return token embeddings [b, c, width] with `delta` [b, context, width] added, of which c positions count."""
    return embedded + delta[:, : embedded.shape[1]]


def without_padding(model: CLIP, tokens: Tensor) -> Tensor:
    """Return `tokens` [b, context] cut after the longest caption, [b, c].

    Towers of Hugging Face mask the rest. CLIP's own takes nothing but its whole context: its tokens are returned
    as they are.
    """
    token = padding(model)
    if token is None:
        return tokens
    used = (tokens != token).any(dim=0).nonzero()
    return tokens[:, : int(used.max()) + 1] if len(used) else tokens


def lengths(tokens: Tensor) -> Tensor:
    """Return int64 [n]: how many of each row's tokens [n, context] stand before the last and its repetitions.

    What stands there is padding wherever a caption is shorter than the context.
    """
    position = torch.arange(1, tokens.shape[1] + 1, device=tokens.device)
    return ((tokens != tokens[:, -1:]) * position).amax(dim=1)


def text_tower(model: CLIP) -> nn.Module:
    """Return the module that holds the parts of the text tower: open_clip's CLIP keeps them at its top level."""
    return cast(nn.Module, getattr(model, "text", model))


def token_embedding(model: CLIP) -> nn.Embedding:
    """Return the module that turns token ids into vectors."""
    tower = text_tower(model)
    if hasattr(tower, "token_embedding"):
        return cast(nn.Embedding, tower.token_embedding)
    return cast(nn.Embedding, cast(Any, tower.transformer).get_input_embeddings())  # Hugging Face's


def embed_tokens(model: CLIP, tokens: Tensor) -> Tensor:
    """Return the token embeddings [b, context, width] of `tokens`, before the positional addition."""
    return cast(Tensor, token_embedding(model)(tokens))


def perturbable(tokens: Tensor, model: CLIP | None = None) -> Tensor:
    """Return bool [b, context], true for word tokens: start, end and padding are false.

    `model` is needed for text towers of Hugging Face only. Told by position: in CLIP's own tokens padding has
    the id of the word token "!", and the end is the first highest id, which is where CLIP pools. Tokens of
    Hugging Face's encoders have an id for padding, and the end is the last token before it.
    """
    position = torch.arange(tokens.shape[1], device=tokens.device)
    return (position > 0) & (position < ends(tokens, model))


def ends(tokens: Tensor, model: CLIP | None = None) -> Tensor:
    """Return int64 [b, 1], the position of each caption's end token; told as by `perturbable`."""
    number = None if model is None else padding(model)
    if number is None:
        return tokens.argmax(dim=-1, keepdim=True)
    position = torch.arange(tokens.shape[1], device=tokens.device)
    return (position * (tokens != number)).amax(dim=-1, keepdim=True)


def padding(model: CLIP) -> int | None:
    """Return the id of padding in the tokens of a text tower of Hugging Face, None for CLIP's own tokens."""
    config = getattr(text_tower(model), "config", None)
    return getattr(config, "pad_token_id", None)


def used_tokens(model: CLIP, tokens: Tensor) -> Tensor:
    """Return the distinct ids of the words in the captions `tokens` [m, context], ascending int64.

    Start, end and padding are no words.
    """
    return tokens[perturbable(tokens, model)].unique().long()


def mean_token_norm(model: CLIP, tokens: Tensor | None = None) -> float:
    """Return the mean L2 norm of the token embeddings of `model` as they are now.

    Of those that the captions `tokens` [m, context] use, each once: the unit of a text attack's radius, where
    `model` is the base model and the captions are those it is adapted with. Without `tokens`, of the whole table,
    most of which occurs in no caption. Raises ValueError where no caption has a word.
    """
    weight = token_embedding(model).weight.detach()
    if tokens is not None:
        used = used_tokens(model, tokens)
        if not len(used):
            raise ValueError("no caption has a word, so there is no norm of the words' embeddings")
        weight = weight[used.to(weight.device)]
    return float(weight.float().norm(dim=-1).mean())


def logit_scale(model: CLIP) -> Tensor:
    """Return the scale of the logits, the inverse of the temperature: a scalar, exponentiated."""
    return cast(Tensor, model.logit_scale).exp()
