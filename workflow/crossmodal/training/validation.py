"""Retrieval on validation data during training: loss, recall@1 and mean reciprocal rank (MRR), both directions."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from crossmodal.models.architecture import CLIP
from crossmodal.models.dual_encoder import encode_images, encode_texts, logit_scale, to_pixels
from crossmodal.models.loss import contrastive_loss
from crossmodal.registry import load
from crossmodal.training.batches import TrainingSet
from crossmodal.training.step import Adversary

_BATCH = 256


@dataclass(frozen=True, slots=True)
class Validation:
    """Loss in nats over the whole set at once, and recall@1 as fractions, clean and under attack."""

    loss: float
    text_to_image: float
    image_to_text: float
    mrr: float
    """Mean reciprocal rank of the first right item, clean, mean of both directions."""
    robust_text_to_image: float | None = None
    """None where the adversary asks for no robust validation; else of the images that it asks for."""
    robust_image_to_text: float | None = None
    one_step_text_to_image: float | None = None
    """Under the attack of training; None unless that takes one step and the adversary's validation several."""
    one_step_image_to_text: float | None = None


@torch.no_grad()
def validate(model: CLIP, data: TrainingSet, device: str, adversary: Adversary | None = None) -> Validation:
    """Return how `model` (on `device`, left in eval()) retrieves on `data`: not augmented, in float32.

    Where the parameters of `adversary` ask for it, also under attack, with random starts that are the same
    each time.
    """
    model.eval()
    images = torch.cat([encode_images(model, to_pixels(b.to(device))) for b in data.images.split(_BATCH)])
    texts = torch.cat([encode_texts(model, b.to(device).long()) for b in data.tokens.split(_BATCH)])
    labels = data.labels.to(device)
    text_labels = labels[data.owners.to(device)]
    loss = contrastive_loss(images, texts, labels, logit_scale(model), text_labels)
    clean = Validation(float(loss), **retrieval(images, texts, labels, text_labels))
    if adversary is None or adversary.params.validation is None:
        return clean
    # By name, so that no cell without an adversary depends on attacks (see the loop).
    robust_recall = load("training", "robust_validation").robust_recall
    params, unit = adversary.params, adversary.unit
    text_to_image, image_to_text = robust_recall(model, data, params.validation, unit, device)
    found = replace(clean, robust_text_to_image=text_to_image, robust_image_to_text=image_to_text)
    if params.one_step is None:
        return found
    text_to_image, image_to_text = robust_recall(model, data, params.one_step, unit, device)
    return replace(found, one_step_text_to_image=text_to_image, one_step_image_to_text=image_to_text)


def retrieval(images: Tensor, texts: Tensor, labels: Tensor, text_labels: Tensor) -> dict[str, float]:
    """Return the clean fields of `Validation` but for the loss, of embeddings [n, d] and [m, d] with labels."""
    text_ranks = first_ranks(texts, images, text_labels, labels)
    image_ranks = first_ranks(images, texts, labels, text_labels)
    return {
        "text_to_image": _recall_at_1(text_ranks),
        "image_to_text": _recall_at_1(image_ranks),
        "mrr": (_reciprocal(text_ranks) + _reciprocal(image_ranks)) / 2,
    }


def recall_at_1(queries: Tensor, gallery: Tensor, query_labels: Tensor, gallery_labels: Tensor) -> float:
    """Return the share of `queries` [q, d] whose nearest row of `gallery` [g, d] has their label.

    A tie with a wrong row counts as wrong, so that a constant model scores 0.
    """
    return _recall_at_1(first_ranks(queries, gallery, query_labels, gallery_labels))


def first_ranks(queries: Tensor, gallery: Tensor, query_labels: Tensor, gallery_labels: Tensor) -> Tensor:
    """Return the rank, from 1, of the best row of `gallery` [g, d] that has a query's label: int64 [q].

    Ties are broken by the worst case, as in statistics/metrics.py: every wrong row that is not below the best
    right one stands before it, and so does one that cannot be compared with it (a model that diverged).
    """
    ranks = []
    for rows, labels in zip(queries.split(1024), query_labels.split(1024), strict=True):
        scores = rows @ gallery.T
        positives = labels.unsqueeze(1) == gallery_labels.unsqueeze(0)
        right = scores.masked_fill(~positives, -torch.inf).amax(dim=1, keepdim=True)
        ranks.append(1 + (~positives & ~(scores < right)).sum(dim=1))
    return torch.cat(ranks)


def _recall_at_1(ranks: Tensor) -> float:
    return int((ranks == 1).sum()) / len(ranks)


def _reciprocal(ranks: Tensor) -> float:
    return float((1.0 / ranks.double()).mean())
