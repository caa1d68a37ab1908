"""Retrieval under attack: each query's own loss is made large, against a gallery that is otherwise clean.

The three threat models of `threats` are told apart. In each the attacker knows the model and the whole gallery.
An image of the gallery is attacked alone: its captions meet it among the clean images of all other labels, so
that what is measured is how well one image hides, and not what many perturbed images do to one another.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Generator, Tensor

from crossmodal.attacks.context import frozen
from crossmodal.attacks.objectives import margin, query_loss
from crossmodal.attacks.sphere import moved
from crossmodal.experiments.robustness.attacked_gallery import OwnCaptions, score_hidden
from crossmodal.experiments.robustness.attacked_split import AttackedSplit, Places
from crossmodal.experiments.robustness.threats import Goal, ThreatModel, ThreatParameters, Variant, points
from crossmodal.models.architecture import CLIP
from crossmodal.models.clip import tokenize
from crossmodal.models.dual_encoder import (
    encode_images,
    encode_texts,
    ends,
    logit_scale,
    perturbable,
    to_pixels,
    token_embedding,
    without_padding,
)
from crossmodal.models.embeddings import Embeddings, Vectors, restored
from crossmodal.progress import progress
from crossmodal.registry import load
from crossmodal.statistics.metrics import score_queries
from crossmodal.statistics.queries import IMAGE_TO_TEXT, TEXT_TO_IMAGE, query_table

Objective = Callable[[Tensor], Callable[[Tensor], Tensor]]
"""Places [b] of what is attacked to the function of its features [b, d] that is made large, one value each."""


def evaluate_attacks(
    model: CLIP, data: AttackedSplit, params: ThreatParameters, outputs: Sequence[Path]
) -> None:
    """Attack retrieval on `data` and write a queries.parquet for each of `variants(params)`, in that order.

    `model`, which `data` was read with, stays as it is, on its device. The results at epsilon 0 are those of
    `evaluate_set` for the same queries and embeddings, to the bit.
    """
    for variant, path in zip(points(params), outputs, strict=True):
        pq.write_table(attacked_queries(model, data, variant, params), path, compression="zstd")


def attacked_queries(
    model: CLIP, data: AttackedSplit, variant: Variant, params: ThreatParameters
) -> pa.Table:
    """Return the results of the queries of `data` under one attack, a table of `queries.SCHEMA`."""
    images_ask = variant.threat.threat == "query-image"
    asking, gallery = (data.images, data.captions) if images_ask else (data.captions, data.images)
    labels, gallery_labels = data.image_labels, data.caption_labels
    if not images_ask:
        labels, gallery_labels = gallery_labels, labels
    places = data.asking_images if images_ask else data.asking_captions
    queries, wanted = _rows(asking, places), labels[places]
    if variant.epsilon == 0:
        scores = score_queries(queries.vectors, gallery.vectors, wanted, gallery_labels)
    elif variant.threat.threat == "gallery-image":
        own = np.flatnonzero(np.isin(gallery_labels, wanted))
        hidden = gallery.vectors.copy()
        hidden[own] = attacked_embeddings(model, data, variant, own, params)
        scores = score_hidden(queries.vectors, gallery.vectors, hidden, wanted, gallery_labels)
    else:
        vectors = attacked_embeddings(model, data, variant, places, params)
        scores = score_queries(vectors, gallery.vectors, wanted, gallery_labels)
    direction = IMAGE_TO_TEXT if images_ask else TEXT_TO_IMAGE
    return query_table(direction, queries, gallery.ids, scores)


def attacked_embeddings(
    model: CLIP, data: AttackedSplit, variant: Variant, places: Places, params: ThreatParameters
) -> Vectors:
    """Return the embeddings [q, d] of the images or captions at `places` under attack, as a file would hold them.

    Which of the two follows from the threat. The same random starts, scaled, serve every epsilon. Each is the best
    perturbation met by the threat's objective; what is missed already is attacked on, since recall@5 and recall@10
    are measured too.
    """
    attack, generator = variant.threat.at(variant.epsilon), Generator().manual_seed(params.seed)
    objective, parts = objective_of(model, data, variant.threat.threat, variant.threat.objective), []
    # Captions of a length together: a batch costs as much as its longest.
    order = _by_length(model, data, places) if attack.space == "texts" else np.arange(len(places))
    with frozen(model), torch.no_grad():
        batches = torch.from_numpy(places[order]).split(params.batch_size)
        for batch in progress(batches, variant.name, unit="batch"):
            value = objective(batch)
            if attack.space == "images":
                features = encode_images(model, attack_pixels(model, data, attack, batch, value, generator))
            elif attack.space == "texts":
                features = _attack_tokens(model, data, attack, batch, value, generator)
            else:
                side = data.images if variant.threat.threat == "query-image" else data.captions
                clean = torch.from_numpy(side.vectors[batch.numpy()]).to(_device(model))
                delta = load("attacks", attack.kind).perturb(value, clean, attack, generator)
                features = moved(clean, delta)
            parts.append(features.cpu().numpy())
    vectors = np.concatenate(parts)[np.argsort(order)]
    return restored(vectors.astype(np.float16))


def attack_pixels(
    model: CLIP, data: AttackedSplit, attack: Any, batch: Tensor,
    value: Callable[[Tensor], Tensor], generator: Generator,
) -> Tensor:  # fmt: skip
    """Return the images at `batch` [b], attacked so that `value` of their features is large.

    They are float [b, 3, s, s] in [0, 1]. Hold the model frozen meanwhile (`attacks.context.frozen`).
    """
    pixels = to_pixels(torch.from_numpy(data.pixels[batch.numpy()]).to(_device(model)))

    def loss(changed: Tensor) -> Tensor:
        return value(encode_images(model, changed))

    delta: Tensor = load("attacks", attack.kind).perturb(loss, pixels, attack, generator)
    return (pixels + delta).clamp(0, 1)


def _attack_tokens(
    model: CLIP, data: AttackedSplit, attack: Any, batch: Tensor,
    value: Callable[[Tensor], Tensor], generator: Generator,
) -> Tensor:  # fmt: skip
    """Return the features [b, d] of the captions at `batch` under an attack on their token embeddings."""
    tokens = tokenize(model, [data.texts[place] for place in batch.tolist()]).to(_device(model))
    tokens = without_padding(model, tokens)
    weight = token_embedding(model).weight
    delta = load("attacks", attack.kind).perturb(
        lambda offsets: value(encode_texts(model, tokens, offsets)),
        weight.new_zeros(*tokens.shape, weight.shape[1]), attack, generator,
        mask=perturbable(tokens, model), scale=data.unit,
    )  # fmt: skip
    return encode_texts(model, tokens, delta)


def _by_length(model: CLIP, data: AttackedSplit, places: Places) -> Places:
    """Return the order of `places` in which their captions grow longer."""
    tokens = tokenize(model, [data.texts[place] for place in places.tolist()])
    return np.argsort(ends(tokens, model).squeeze(1).numpy(), kind="stable")


def objective_of(model: CLIP, data: AttackedSplit, threat: ThreatModel, goal: Goal) -> Objective:
    """Return what an attack makes large: that a query misses, or that an image of the gallery is missed."""
    if threat == "gallery-image":
        return _hiding(model, data, goal)
    if threat == "query-image":
        return _missing(model, data.captions.vectors, data.image_labels, data.caption_labels, goal)
    return _missing(model, data.images.vectors, data.caption_labels, data.image_labels, goal)


def _missing(model: CLIP, gallery: Vectors, labels: Places, gallery_labels: Places, goal: Goal) -> Objective:
    """Return the objective of queries: that each misses what shares its label in the clean `gallery` [g, d]."""
    device, scale = _device(model), logit_scale(model).detach()
    items, item_labels = (torch.from_numpy(array).to(device) for array in (gallery, gallery_labels))
    query_labels = torch.from_numpy(labels).to(device)

    def of(places: Tensor) -> Callable[[Tensor], Tensor]:
        wanted = query_labels[places.to(device)]
        value = margin(wanted, item_labels) if goal == "margin" else query_loss(wanted, item_labels, scale)
        return lambda features: value(features, items)

    return of


def _hiding(model: CLIP, data: AttackedSplit, goal: Goal) -> Objective:
    """Return the objective of images in the gallery: that their captions miss them."""
    device = _device(model)
    sides = data.captions.vectors, data.caption_labels, data.images.vectors, data.image_labels
    captions, labels, images, image_labels = (torch.from_numpy(array).to(device) for array in sides)
    scale = logit_scale(model).detach()
    own = OwnCaptions(captions, labels, images, image_labels, scale, goal)
    return lambda places: own.objective(places.to(device))


def _rows(table: Embeddings, places: Places) -> Embeddings:
    return replace(
        table,
        ids=[table.ids[place] for place in places],
        image_ids=[table.image_ids[place] for place in places],
        labels=[table.labels[place] for place in places],
        vectors=table.vectors[places],
    )


def _device(model: CLIP) -> torch.device:
    return next(model.parameters()).device
