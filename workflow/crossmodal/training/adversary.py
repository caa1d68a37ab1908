"""The inner problem of min-max training (Madry et al. 2018): attack part of a batch before the step."""

import torch
from torch import Generator, Tensor

from crossmodal.attacks.context import frozen
from crossmodal.attacks.joint import attack_batch
from crossmodal.models.architecture import CLIP
from crossmodal.models.towers import encode_images, encode_texts, logit_scale
from crossmodal.training.adversary_settings import AdversaryParameters
from crossmodal.training.loss import contrastive_loss
from crossmodal.training.step import Adversary, Prepared, prepare


class RetrievalAdversary:
    """Attacks part of each batch so that its contrastive loss grows: the inner problem of min-max training."""

    def __init__(self, params: AdversaryParameters) -> None:
        self.params = params

    def prepare(
        self,
        model: CLIP,
        pixels: Tensor,
        tokens: Tensor,
        labels: Tensor,
        generator: Generator,
        progress: float,
    ) -> Prepared:
        """Return the batch with its first pairs attacked, and the contrastive loss."""
        pixels, delta = attack_part(model, pixels, tokens, labels, self.params, generator)
        return prepare(pixels, labels)._replace(delta=delta)


def make_adversary(model: CLIP, params: AdversaryParameters) -> Adversary:
    """Return the adversary of `params` for `model`, which is as it stands before training."""
    return RetrievalAdversary(params)


def attack_part(
    model: CLIP, pixels: Tensor, tokens: Tensor, labels: Tensor,
    adversary: AdversaryParameters, generator: Generator,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """Return `pixels` and token offsets [b, context, width] with the first pairs attacked, the rest clean.

    All pairs but `clean_share` of them are attacked. The attack makes the loss of the whole batch large,
    the one that the step then makes small: clean pairs take part as negatives, encoded once.
    """
    attacked = len(pixels) - round(adversary.clean_share * len(pixels))
    if attacked == 0:
        return pixels, None
    scale = logit_scale(model).detach()
    with frozen(model), torch.no_grad():
        clean_images = encode_images(model, pixels[attacked:]) if attacked < len(pixels) else None
        clean_texts = encode_texts(model, tokens[attacked:]) if attacked < len(pixels) else None

    def objective(images: Tensor, texts: Tensor) -> Tensor:
        if clean_images is not None and clean_texts is not None:
            images, texts = torch.cat([images, clean_images]), torch.cat([texts, clean_texts])
        return contrastive_loss(images, texts, labels, scale)

    changed, delta = attack_batch(
        model, pixels[:attacked], tokens[:attacked], objective,
        adversary.images, adversary.texts, generator, keep_best=False,
    )  # fmt: skip
    pixels = torch.cat([changed, pixels[attacked:]])
    if delta is not None:
        delta = torch.cat([delta, delta.new_zeros(len(tokens) - attacked, *delta.shape[1:])])
    return pixels, delta
