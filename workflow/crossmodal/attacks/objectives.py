"""What an attack makes large, per query: the retrieval loss or the margin, away from the truth or to a target.

A query is an image that looks for captions, or a caption that looks for images. Untargeted, the attack leads
it away from the items that share its label; targeted, towards those with a label that is given.
"""

from typing import Literal

import torch
from torch import Tensor

from crossmodal.attacks.joint import Objective
from crossmodal.models.loss import contrastive_loss, query_losses

Queries = Literal["images", "texts"]
"""Which side asks; the other is the gallery."""


def retrieval_loss(labels: Tensor, scale: Tensor | float, text_labels: Tensor | None = None) -> Objective:
    """Return the objective of training, a scalar in nats: the contrastive loss of both directions.

    `labels` [b] are those of the images and, without `text_labels` [t], of the texts; `scale` multiplies the
    cosines.
    """

    def objective(images: Tensor, texts: Tensor) -> Tensor:
        return contrastive_loss(images, texts, labels, scale, text_labels)

    return objective


def query_loss(
    query_labels: Tensor, gallery_labels: Tensor, scale: Tensor | float, queries: Queries = "images",
    targets: Tensor | None = None,
) -> Objective:  # fmt: skip
    """Return the cross-entropy of each query over the gallery, float32 [q] in nats.

    With `targets`, a label a query [q], it is minus the cross-entropy towards them: large where the query
    finds what has its target's label. Raises ValueError where the gallery has no such item.
    """
    wanted = _wanted(query_labels, gallery_labels, targets)

    def objective(images: Tensor, texts: Tensor) -> Tensor:
        asking, gallery = (images, texts) if queries == "images" else (texts, images)
        losses = query_losses(asking, gallery, wanted, gallery_labels, scale)
        return losses if targets is None else -losses

    return objective


def margin(
    query_labels: Tensor, gallery_labels: Tensor, queries: Queries = "images", targets: Tensor | None = None
) -> Objective:
    """Return each query's best cosine with a wrong item less its best with a right one, float32 [q].

    From 0 on, recall@1 counts the query as missed; a query with right items only, or with none, has 0. It has a
    gradient where the cross-entropy of a confident model has none left in float32, the commonest kind of
    gradient masking (Carlini and Wagner 2017). With `targets` [q] the right items are those of the target, and
    the sign is turned.
    """
    wanted = _wanted(query_labels, gallery_labels, targets)
    right = wanted.unsqueeze(1) == gallery_labels.unsqueeze(0)
    counts = right.any(dim=1) & ~right.all(dim=1)

    def objective(images: Tensor, texts: Tensor) -> Tensor:
        asking, gallery = (images, texts) if queries == "images" else (texts, images)
        cosines = asking @ gallery.T
        best_right = cosines.masked_fill(~right, -torch.inf).amax(dim=1)
        best_wrong = cosines.masked_fill(right, -torch.inf).amax(dim=1)
        margins = best_wrong - best_right if targets is None else best_right - best_wrong
        return torch.where(counts, margins, 0.0)

    return objective


def _wanted(query_labels: Tensor, gallery_labels: Tensor, targets: Tensor | None) -> Tensor:
    """Return the labels that count as right, a label a query."""
    if targets is None:
        return query_labels
    if targets.shape != query_labels.shape:
        raise ValueError(f"targets: {len(targets)} labels for {len(query_labels)} queries")
    if not bool(torch.isin(targets, gallery_labels).all()):
        missing = targets[~torch.isin(targets, gallery_labels)][0]
        raise ValueError(f"targets: no item of the gallery has the label {int(missing)}")
    return targets
