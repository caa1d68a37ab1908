"""The multi-positive contrastive loss: InfoNCE with soft targets, both directions.

One image has several captions and a batch may hold a concept twice, so every image-text pair with one label
is a positive. The targets of a row are its positives in equal shares, 1 in all. With distinct labels this is
CLIP's loss (Radford et al. 2021).
"""

import torch
from torch import Tensor


def query_losses(
    queries: Tensor, gallery: Tensor, query_labels: Tensor, gallery_labels: Tensor, scale: Tensor | float
) -> Tensor:
    """Return the cross-entropy of each query over the gallery, float32 [q], in nats.

    `queries` [q, d] and `gallery` [g, d] are unit vectors, labels are integers [q] and [g], and `scale`
    multiplies the cosines. A query without a positive in the gallery has loss 0.
    """
    with torch.autocast(queries.device.type, enabled=False):  # 8 bits of a logit near 100 are no loss
        logits = scale * queries.float() @ gallery.float().T
    positives = query_labels.unsqueeze(1) == gallery_labels.unsqueeze(0)
    count = positives.sum(dim=1)
    of_positives = (logits * positives).sum(dim=1) / count.clamp_min(1)
    # Σ_j p_j (logsumexp - logit_j) = logsumexp - mean of the positive logits, as the shares p sum to 1.
    return torch.where(count > 0, torch.logsumexp(logits, dim=1) - of_positives, 0.0)


def contrastive_loss(
    image_features: Tensor, text_features: Tensor, labels: Tensor, scale: Tensor | float,
    text_labels: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Return the loss, a float32 scalar in nats: the mean of image to text and text to image.

    `image_features` [n, d] and `text_features` [m, d] are unit vectors, `labels` integers [n] of the images;
    those of the texts are the same unless `text_labels` [m] says otherwise.
    """
    text_labels = labels if text_labels is None else text_labels
    image_to_text = query_losses(image_features, text_features, labels, text_labels, scale)
    text_to_image = query_losses(text_features, image_features, text_labels, labels, scale)
    return (image_to_text.mean() + text_to_image.mean()) / 2
