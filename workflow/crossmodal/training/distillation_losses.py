"""What a student learns from its teacher: four losses of a batch's embeddings, and their weighted sum.

v and s are the unit embeddings of a batch's images and captions [n, d], S the student's and T the teacher's, and τ
the scale of a model's logits: its `logit_scale`, exponentiated. Sources: CLIP-KD (Yang et al. 2024, CVPR,
arXiv 2307.12732) and TinyCLIP (Wu et al. 2023, ICCV, arXiv 2309.12314).

- task: the multi-positive contrastive loss of `models.loss`, CLIP's own for the student alone;
- feature: mean over elements of (v_S - v_T)², plus the same of s (CLIP-KD's feature distillation);
- interactive: ½ [CE(τ v_S s_Tᵀ) + CE(τ s_S v_Tᵀ)], τ a scale of its own (CLIP-KD's interactive contrastive
  learning): with the student in the teacher's place it is the task loss;
- affinity: ½ [KL(P_T ‖ P_S) + KL(Q_T ‖ Q_S)], P the softmax of the rows of τ v sᵀ and Q that of its columns,
  each model with a τ of its own (CLIP-KD's contrastive relational distillation; TinyCLIP's affinity mimicking
  has the cross-entropy, which differs from it by a constant).

In the published code of CLIP-KD the scale of the interactive loss starts at log(1/0.07) and is never
exponentiated; here it is.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from crossmodal.models.distillation_settings import DistillationParameters
from crossmodal.models.loss import contrastive_loss, query_losses


class Embedded(NamedTuple):
    """What a model makes of a batch of n pairs."""

    images: Tensor
    """float [n, d], of unit length."""
    texts: Tensor
    """float [n, d], of unit length."""
    scale: Tensor | float
    """What its cosines are multiplied by to be logits: exponentiated, a scalar."""


def feature_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the mean over elements of the squared difference of embeddings, both [n, d]; a float32 scalar.

    CLIP-KD's L_FD of one modality. Of unit vectors it is (2 - 2 cos) / d in the mean.
    """
    return functional.mse_loss(student.float(), teacher.float())


def interactive_loss(student: Embedded, teacher: Embedded, labels: Tensor, scale: Tensor | float) -> Tensor:
    """Return CLIP-KD's L_ICL, a float32 scalar in nats: the student's images ask the teacher's texts, and back.

    Both models' embeddings are of one width d. Pairs with equal `labels` [n], integers, are positives; `scale` is
    that of these logits, exponentiated, and takes the place of the models' own.
    """
    images = query_losses(student.images, teacher.texts, labels, labels, scale)
    texts = query_losses(student.texts, teacher.images, labels, labels, scale)
    return (images.mean() + texts.mean()) / 2


def affinity_loss(student: Embedded, teacher: Embedded, temperature: float = 1.0) -> Tensor:
    """Return CLIP-KD's L_CRD, a float32 scalar in nats: the mean of both directions, rows averaged.

    The widths of the two models may differ. Logits are divided by `temperature`, and the loss is multiplied by its
    square, so that gradients keep their size (Hinton et al. 2015).
    """
    own, target = _logits(student) / temperature, _logits(teacher) / temperature
    return (_divergence(own, target) + _divergence(own.T, target.T)) / 2 * temperature**2


def _logits(model: Embedded) -> Tensor:
    """Return the affinity of each image to each caption, float32 [n, n]."""
    with torch.autocast(model.images.device.type, enabled=False):  # 8 bits of a logit near 100 are no logit
        return model.scale * model.images.float() @ model.texts.float().T


def _divergence(own: Tensor, target: Tensor) -> Tensor:
    """Return KL(softmax(target) ‖ softmax(own)) of rows [n, m], averaged over them."""
    expected, found = functional.log_softmax(target, dim=1), functional.log_softmax(own, dim=1)
    return (expected.exp() * (expected - found)).sum(dim=1).mean()


def distillation_loss(
    student: Embedded, mapped: Embedded, teacher: Embedded, labels: Tensor, weights: DistillationParameters
) -> Tensor:
    """Return the weighted sum of the four losses, a float32 scalar; one whose weight is 0 is not computed.

    `mapped` are the student's embeddings in the teacher's space, with the scale of the interactive loss:
    where both spaces have one width they are the student's own. The teacher's embeddings have no gradient.
    """
    total = torch.zeros((), device=student.images.device)
    if weights.task:
        total = total + weights.task * contrastive_loss(student.images, student.texts, labels, student.scale)
    if weights.feature:
        features = feature_loss(mapped.images, teacher.images) + feature_loss(mapped.texts, teacher.texts)
        total = total + weights.feature * features
    if weights.interactive:
        total = total + weights.interactive * interactive_loss(mapped, teacher, labels, mapped.scale)
    if weights.affinity:
        total = total + weights.affinity * affinity_loss(student, teacher, weights.affinity_temperature)
    return total
