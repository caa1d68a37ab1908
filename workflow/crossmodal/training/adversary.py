"""The inner problem of min-max training (Madry et al. 2018): attack part of a batch before the step."""

import torch
from torch import Generator, Tensor

from crossmodal.attacks.context import frozen
from crossmodal.attacks.joint import Attacked, attack_sides
from crossmodal.attacks.sphere import moved
from crossmodal.models.architecture import CLIP
from crossmodal.models.dual_encoder import encode_images, encode_texts, logit_scale, mean_token_norm
from crossmodal.models.loss import contrastive_loss
from crossmodal.registry import load
from crossmodal.training.adversary_settings import AdversaryParameters
from crossmodal.training.step import Adversary, Prepared, prepare


def make_adversary(model: CLIP, params: AdversaryParameters, tokens: Tensor) -> Adversary:
    """Return the adversary of `params` for `model`, which is as it stands before training.

    `tokens` [m, context] are all captions that it is trained with: epsilon of an attack on texts counts in the
    mean norm of the embeddings of their words, which no method changes before training.
    """
    unit = mean_token_norm(model, tokens)
    if params.objective == "fare":
        # By name, so that an edit of one objective leaves the cells of the other alone.
        adversary: Adversary = load("training", "fare").FareAdversary(model, params, unit)
        return adversary
    return RetrievalAdversary(params, unit)


class RetrievalAdversary:
    """Attacks part of each batch so that its contrastive loss grows."""

    def __init__(self, params: AdversaryParameters, unit: float) -> None:
        self.params, self.unit = params, unit

    def prepare(
        self, model: CLIP, pixels: Tensor, tokens: Tensor, labels: Tensor,
        generator: Generator, progress: float,
    ) -> Prepared:  # fmt: skip
        """Return the batch with its first pairs attacked, and the contrastive loss.

        An attack on embeddings is part of the loss: it is added to the features, whose gradient passes
        through it to the clean ones.
        """
        strength = warmed_up(self.params, progress)
        attacked = attack_part(model, pixels, tokens, labels, self.params, self.unit, generator, strength)
        ready = prepare(attacked.pixels, labels)._replace(delta=attacked.token_offsets)
        if attacked.image_offsets is None and attacked.text_offsets is None:
            return ready

        def loss(image_features: Tensor, text_features: Tensor, scale: Tensor) -> Tensor:
            return ready.loss(
                moved(image_features, attacked.image_offsets),
                moved(text_features, attacked.text_offsets),
                scale,
            )

        return ready._replace(loss=loss)


def warmed_up(params: AdversaryParameters, progress: float) -> float:
    """Return the factor of epsilon, 0 to 1, once a share `progress` of all steps is done."""
    share = params.epsilon_warmup_share
    return 1.0 if progress >= share else progress / share


def attacked_rows(params: AdversaryParameters, pairs: int) -> int:
    """Return how many of a batch's `pairs`, the first ones, are attacked."""
    return pairs - round(params.clean_share * pairs)


def attack_part(
    model: CLIP, pixels: Tensor, tokens: Tensor, labels: Tensor,
    adversary: AdversaryParameters, unit: float, generator: Generator, strength: float = 1.0,
) -> Attacked:  # fmt: skip
    """Return the batch with the first pairs attacked at `strength` times epsilon, and the rest clean.

    All pairs but `clean_share` of them are attacked; `unit` is that of `attack_sides`. The attack makes the loss
    of the whole batch large, the one that the step then makes small: clean pairs take part as negatives, encoded
    once. Offsets are those of the whole batch, 0 for the clean pairs.
    """
    attacked = attacked_rows(adversary, len(pixels))
    if attacked == 0 or strength == 0:
        return Attacked(pixels)
    scale = logit_scale(model).detach()
    with frozen(model), torch.no_grad():
        clean_images = encode_images(model, pixels[attacked:]) if attacked < len(pixels) else None
        clean_texts = encode_texts(model, tokens[attacked:]) if attacked < len(pixels) else None

    def objective(images: Tensor, texts: Tensor) -> Tensor:
        if clean_images is not None and clean_texts is not None:
            images, texts = torch.cat([images, clean_images]), torch.cat([texts, clean_texts])
        return contrastive_loss(images, texts, labels, scale)

    found = attack_sides(
        model, pixels[:attacked], tokens[:attacked], objective,
        adversary.images, adversary.texts, unit, generator, keep_best=False, strength=strength,
    )  # fmt: skip
    return Attacked(
        torch.cat([found.pixels, pixels[attacked:]]),
        *(_with_zeros(offsets, len(pixels)) for offsets in found[1:]),
    )


def _with_zeros(offsets: Tensor | None, pairs: int) -> Tensor | None:
    """Return `offsets` followed by zeros for the clean pairs of a batch of `pairs`."""
    if offsets is None:
        return None
    return torch.cat([offsets, offsets.new_zeros(pairs - len(offsets), *offsets.shape[1:])])
