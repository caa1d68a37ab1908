"""Recall@1 under attack on validation data: what early stopping and the choice of a cell look at."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor

from crossmodal.attacks.context import frozen
from crossmodal.attacks.objectives import margin
from crossmodal.attacks.sphere import moved
from crossmodal.models.architecture import CLIP
from crossmodal.models.dual_encoder import (
    encode_images,
    encode_texts,
    perturbable,
    to_pixels,
    token_embedding,
    without_padding,
)
from crossmodal.registry import load
from crossmodal.training.adversary_settings import RobustCheck
from crossmodal.training.batches import TrainingSet
from crossmodal.training.validation import recall_at_1

_BATCH = 256
_SEED = 0  # of the random starts: the same each time, so that epochs and cells differ by their weights only

Change = Callable[[Tensor, Callable[[Tensor], Tensor]], Tensor]
"""Places [b] and what is made large of their features, one value each, to the attacked features [b, d]."""


def robust_recall(
    model: CLIP, data: TrainingSet, params: RobustCheck, unit: float, device: str
) -> tuple[float, float]:
    """Return recall@1 text to image and image to text, fractions, of `data` attacked as `params` say.

    Each item is attacked by its margin, the best cosine with a wrong item of the clean other side less the best
    with a right one, and the best perturbation met counts. Where the side that asks is attacked it meets the other
    side clean, else the other side is: an attack on images alone gives the recall of attacked images among clean
    captions, and of clean captions among attacked images. `unit` is the norm that epsilon counts in on token
    embeddings (`mean_token_norm`). `model` is on `device` and is left as it is.
    """
    pixels, tokens, labels, text_labels = _chosen(data, params, device)
    with frozen(model), torch.no_grad():
        images, texts = _clean(model, pixels, tokens, device)
        if params.images is None:
            hidden = images
        else:
            change = _changed_images(model, pixels, images, params.images, device)
            hidden = _attacked(change, labels, texts, text_labels)
        if params.texts is None:
            asked = texts
        else:
            change = _changed_texts(model, tokens, texts, params.texts, unit, device)
            asked = _attacked(change, text_labels, images, labels)
    return (
        recall_at_1(asked, hidden if params.texts is None else images, text_labels, labels),
        recall_at_1(hidden, asked if params.images is None else texts, labels, text_labels),
    )


def clean_recall(model: CLIP, data: TrainingSet, params: RobustCheck, device: str) -> tuple[float, float]:
    """Return what `robust_recall` is without an attack: of the same queries against the same gallery."""
    pixels, tokens, labels, text_labels = _chosen(data, params, device)
    with frozen(model), torch.no_grad():
        images, texts = _clean(model, pixels, tokens, device)
    return recall_at_1(texts, images, text_labels, labels), recall_at_1(images, texts, labels, text_labels)


def _chosen(data: TrainingSet, params: RobustCheck, device: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return some images of `data` with their captions: uint8 pixels, tokens, and the labels of either."""
    rows = _evenly_spaced(len(data), params.max_images)
    captions = torch.isin(data.owners, rows).nonzero().squeeze(1)
    labels, text_labels = data.labels[rows], data.labels[data.owners[captions]]
    return data.images[rows], data.tokens[captions], labels.to(device), text_labels.to(device)


def _clean(model: CLIP, pixels: Tensor, tokens: Tensor, device: str) -> tuple[Tensor, Tensor]:
    """Return the embeddings of all images and of all captions."""
    return (
        _in_batches(len(pixels), lambda rows: encode_images(model, to_pixels(pixels[rows].to(device)))),
        _in_batches(len(tokens), lambda rows: encode_texts(model, tokens[rows].to(device).long())),
    )


def _attacked(change: Change, labels: Tensor, gallery: Tensor, gallery_labels: Tensor) -> Tensor:
    """Return the features [n, d] of all items of a side, with `labels` [n], attacked against a clean `gallery`."""

    def of(rows: Tensor) -> Tensor:
        objective = margin(labels[rows.to(labels.device)], gallery_labels)
        return change(rows, lambda features: objective(features, gallery))

    return _in_batches(len(labels), of)


def _changed_images(model: CLIP, images: Tensor, clean: Tensor, attack: Any, device: str) -> Change:
    """Return how uint8 `images` [n, h, w, 3] with the features `clean` [n, d] are attacked."""
    generator, perturb = Generator(device).manual_seed(_SEED), load("attacks", attack.kind).perturb

    def change(rows: Tensor, value: Callable[[Tensor], Tensor]) -> Tensor:
        if attack.space == "embeddings":
            return moved(clean[rows], perturb(value, clean[rows], attack, generator))
        pixels = to_pixels(images[rows].to(device))
        delta = perturb(lambda inputs: value(encode_images(model, inputs)), pixels, attack, generator)
        return encode_images(model, (pixels + delta).clamp(0, 1))

    return change


def _changed_texts(
    model: CLIP, tokens: Tensor, clean: Tensor, attack: Any, unit: float, device: str
) -> Change:
    """Return how the captions `tokens` [m, context] with the features `clean` [m, d] are attacked."""
    generator, perturb = Generator(device).manual_seed(_SEED), load("attacks", attack.kind).perturb

    def change(rows: Tensor, value: Callable[[Tensor], Tensor]) -> Tensor:
        if attack.space == "embeddings":
            return moved(clean[rows], perturb(value, clean[rows], attack, generator))
        own, weight = without_padding(model, tokens[rows].to(device).long()), token_embedding(model).weight
        delta = perturb(
            lambda offsets: value(encode_texts(model, own, offsets)),
            weight.new_zeros(*own.shape, weight.shape[1]), attack, generator,
            mask=perturbable(own, model), scale=unit,
        )  # fmt: skip
        return encode_texts(model, own, delta)

    return change


def _in_batches(count: int, of: Callable[[Tensor], Tensor]) -> Tensor:
    return torch.cat([of(rows) for rows in torch.arange(count).split(_BATCH)])


def _evenly_spaced(count: int, at_most: int | None) -> Tensor:
    """Return at most `at_most` of the numbers below `count`, ascending int64."""
    if at_most is None or at_most >= count:
        return torch.arange(count)
    return torch.arange(at_most) * count // at_most
