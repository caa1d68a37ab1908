"""Attacks for use outside training: on images, on texts, on embeddings, and on both sides together.

An attack is given as in params.yaml, for example
`{"kind": "pgd_images", "norm": "linf", "epsilon": "8/255", "steps": 20, "restarts": 3}`, or as its typed
parameters; each kind's `<kind>_params.py` says what it accepts and in which unit epsilon is.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from torch import Generator, Tensor

from crossmodal.attacks.context import frozen
from crossmodal.attacks.joint import Attacked, attack_sides
from crossmodal.attacks.objectives import Queries, margin, query_loss, retrieval_loss
from crossmodal.models.architecture import CLIP
from crossmodal.models.dual_encoder import (
    encode_images,
    encode_texts,
    logit_scale,
    mean_token_norm,
    perturbable,
    token_embedding,
)
from crossmodal.parameters import Parameters
from crossmodal.registry import load, parse

Attack = Parameters | Mapping[str, Any]
Goal = Literal["loss", "margin"]


def attack_images(
    model: CLIP, pixels: Tensor, tokens: Tensor, labels: Tensor, attack: Attack, *,
    text_labels: Tensor | None = None, targets: Tensor | None = None, goal: Goal = "loss",
    generator: Generator | None = None, batch_size: int = 256,
) -> Tensor:  # fmt: skip
    """Attack images that ask for captions.

    Parameters
    ----------
    model : CLIP
        Left as it is: in eval() during the attack and back in its mode after it, without gradients.
    pixels : Tensor
        Images, float [n, 3, s, s] in [0, 1]; the model normalises them itself.
    tokens : Tensor
        The gallery of captions, int64 [m, context].
    labels : Tensor
        Labels of the images, int64 [n]: a caption with the same label is a right answer.
    attack : Parameters or mapping
        An attack on images, such as `{"kind": "pgd_images", "epsilon": "8/255"}`: in pixel values of [0, 1],
        of each value for `linf` and of the whole image for `l2`.
    text_labels : Tensor, optional
        Labels of the captions, int64 [m]; those of the images if not given.
    targets : Tensor, optional
        A label an image, int64 [n], that the attack leads it to; without it, away from its own.
    goal : {"loss", "margin"}
        What the attack makes large: the cross-entropy of each image over the captions in nats, or the best
        wrong cosine less the best right one.
    generator : Generator, optional
        Source of the random starts, on the device of `pixels`; one with seed 0 if not given.
    batch_size : int
        Images attacked at once. The result depends on it only through the order of the random numbers.

    Returns
    -------
    Tensor
        The attacked images, float [n, 3, s, s] in [0, 1]. No image's loss is below its clean one.

    Raises
    ------
    ValueError
        Where the attack is not one on images, or no caption has a target's label.
    """
    params = _typed(attack, "images")
    with frozen(model), torch.no_grad():
        captions = _encoded(lambda rows: encode_texts(model, tokens[rows]), len(tokens), batch_size)

    def change(rows: Tensor, generator: Generator) -> Tensor:
        own = pixels[rows]
        objective = _objective(
            goal, rows, labels, text_labels, targets, logit_scale(model).detach(), "images"
        )

        def loss(inputs: Tensor) -> Tensor:
            return objective(encode_images(model, inputs), captions)

        return (own + load("attacks", params.kind).perturb(loss, own, params, generator)).clamp(0, 1)

    with frozen(model):
        return _batched(change, len(pixels), batch_size, _source(generator, pixels))


def attack_texts(
    model: CLIP, pixels: Tensor, tokens: Tensor, labels: Tensor, attack: Attack, *,
    text_labels: Tensor | None = None, targets: Tensor | None = None, goal: Goal = "loss",
    unit: float | None = None, generator: Generator | None = None, batch_size: int = 256,
) -> Tensor:  # fmt: skip
    """Attack captions that ask for images, by their token embeddings.

    Parameters
    ----------
    model, pixels, tokens, labels, text_labels, goal, generator, batch_size
        As in `attack_images`, with captions as queries and images as the gallery.
    attack : Parameters or mapping
        An attack on texts, such as `{"kind": "pgd_texts", "epsilon": 0.1}`: the radius of each token's L2 ball
        as a multiple of `unit`.
    unit : float, optional
        The norm that epsilon counts in; a study's is `mean_token_norm` of its base model and training captions.
        If not given, that of `model` and of the captions given.
    targets : Tensor, optional
        A label a caption, int64 [m], that the attack leads it to; without it, away from its own.

    Returns
    -------
    Tensor
        Offsets of the token embeddings, float [m, context, width], 0 at start, end and padding: for
        `crossmodal.models.dual_encoder.encode_texts(model, tokens, offsets)`.

    Raises
    ------
    ValueError
        Where the attack is not one on texts, or no image has a target's label.
    """
    params = _typed(attack, "texts")
    weight = token_embedding(model).weight
    with frozen(model), torch.no_grad():
        images = _encoded(lambda rows: encode_images(model, pixels[rows]), len(pixels), batch_size)
    unit = mean_token_norm(model, tokens) if unit is None else unit

    def change(rows: Tensor, generator: Generator) -> Tensor:
        own = tokens[rows]
        asking = labels if text_labels is None else text_labels
        objective = _objective(goal, rows, asking, labels, targets, logit_scale(model).detach(), "texts")

        def loss(delta: Tensor) -> Tensor:
            return objective(images, encode_texts(model, own, delta))

        zeros = weight.new_zeros(*own.shape, weight.shape[1])
        perturb = load("attacks", params.kind).perturb
        delta: Tensor = perturb(loss, zeros, params, generator, mask=perturbable(own, model), scale=unit)
        return delta

    with frozen(model):
        return _batched(change, len(tokens), batch_size, _source(generator, pixels))


def attack_embeddings(
    queries: Tensor, gallery: Tensor, labels: Tensor, gallery_labels: Tensor, attack: Attack, *,
    targets: Tensor | None = None, goal: Goal = "loss", scale: float = 100.0,
    generator: Generator | None = None,
) -> Tensor:  # fmt: skip
    """Attack embeddings of either modality that ask for those of the other.

    Parameters
    ----------
    queries, gallery : Tensor
        Embeddings of length 1, float [n, d] and [m, d].
    labels, gallery_labels : Tensor
        int64 [n] and [m]: an item with the query's label is a right answer.
    attack : Parameters or mapping
        An attack on embeddings, such as `{"kind": "pgd_embeddings", "epsilon": 0.05}`: the L2 distance.
    targets, goal, generator
        As in `attack_images`.
    scale : float
        Multiplies the cosines of the cross-entropy; the inverse temperature of the model.

    Returns
    -------
    Tensor
        The attacked queries, float [n, d], at length 1.

    Raises
    ------
    ValueError
        Where the attack is not one on embeddings, or no item has a target's label.
    """
    params, rows = _typed(attack, "embeddings"), torch.arange(len(queries), device=queries.device)
    objective = _objective(goal, rows, labels, gallery_labels, targets, torch.tensor(scale), "images")
    delta: Tensor = load("attacks", params.kind).perturb(
        lambda inputs: objective(inputs, gallery), queries, params, _source(generator, queries)
    )
    return torch.nn.functional.normalize(queries + delta, dim=-1)


def attack_pairs(
    model: CLIP, pixels: Tensor, tokens: Tensor, labels: Tensor,
    images: Attack | None = None, texts: Attack | None = None, *,
    text_labels: Tensor | None = None, unit: float | None = None, generator: Generator | None = None,
) -> Attacked:  # fmt: skip
    """Attack both sides of a batch together, as training does: each item is query and gallery at once.

    Parameters
    ----------
    model, pixels, tokens, labels, text_labels, unit, generator
        As in `attack_images` and `attack_texts`; the whole batch is attacked at once, by the contrastive loss of
        both directions.
    images, texts : Parameters or mapping, optional
        An attack on images and one on texts, or one on embeddings for either; a side without one stays.

    Returns
    -------
    Attacked
        The attacked `pixels`, and offsets of the token embeddings or of the embeddings of either side. The
        loss is not below the clean one.

    Raises
    ------
    ValueError
        Where an attack does not fit its side.
    """
    of_images = None if images is None else _typed(images, "images", "embeddings")
    of_texts = None if texts is None else _typed(texts, "texts", "embeddings")
    objective = retrieval_loss(labels, logit_scale(model).detach(), text_labels)
    source = _source(generator, pixels)
    unit = mean_token_norm(model, tokens) if unit is None else unit
    return attack_sides(model, pixels, tokens, objective, of_images, of_texts, unit, source)


def _typed(attack: Attack, *spaces: str) -> Any:
    """Return the parameters of `attack`, which must be one on one of `spaces`."""
    params: Any = attack if isinstance(attack, Parameters) else parse("attacks", dict(attack))
    if params.space not in spaces:
        raise ValueError(f'the attack "{params.kind}" is one on {params.space}, not on {" or ".join(spaces)}')
    return params


def _objective(
    goal: Goal, rows: Tensor, labels: Tensor, gallery_labels: Tensor | None, targets: Tensor | None,
    scale: Tensor, queries: Queries,
) -> Callable[[Tensor, Tensor], Tensor]:  # fmt: skip
    """Return the objective of the queries `rows`."""
    gallery = labels if gallery_labels is None else gallery_labels
    own = None if targets is None else targets[rows]
    if goal == "margin":
        return margin(labels[rows], gallery, queries, own)
    return query_loss(labels[rows], gallery, scale, queries, own)


def _source(generator: Generator | None, like: Tensor) -> Generator:
    return Generator(like.device).manual_seed(0) if generator is None else generator


def _encoded(encode: Callable[[Tensor], Tensor], count: int, batch_size: int) -> Tensor:
    return torch.cat([encode(rows) for rows in torch.arange(count).split(batch_size)])


def _batched(
    change: Callable[[Tensor, Generator], Tensor], count: int, batch_size: int, generator: Generator
) -> Tensor:
    return torch.cat([change(rows, generator) for rows in torch.arange(count).split(batch_size)])
