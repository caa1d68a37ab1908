"""The loss of one batch: clean, or min-max against an adversary."""

from torch import Generator, Tensor

from crossmodal.models.architecture import CLIP
from crossmodal.models.clip import encode_images, encode_texts, logit_scale
from crossmodal.registry import load
from crossmodal.training.loss import contrastive_loss
from crossmodal.training.settings import AdversaryParameters


def batch_loss(
    model: CLIP, pixels: Tensor, tokens: Tensor, labels: Tensor,
    adversary: AdversaryParameters | None, generator: Generator,
) -> Tensor:  # fmt: skip
    """Return the contrastive loss of the pairs, a scalar with a gradient.

    `pixels` [b, 3, s, s] are in [0, 1]. With an `adversary` the first pairs, all but `clean_share` of them,
    are attacked; `generator` draws the starts of the attack.
    """
    delta = None
    if adversary is not None:
        # Loaded by name, so that an edit of the attacks makes no cell stale that is trained without them:
        # a job with an adversary names this module as a root of its fingerprint.
        attack = load("training", "adversary").attack_part
        pixels, delta = attack(model, pixels, tokens, labels, adversary, generator)
    image_features, text_features = encode_images(model, pixels), encode_texts(model, tokens, delta)
    return contrastive_loss(image_features, text_features, labels, logit_scale(model))
