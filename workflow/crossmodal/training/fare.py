"""FARE: unsupervised adversarial fine-tuning of the image tower (Schlarmann et al. 2024, Robust CLIP).

min over φ of max over ‖δ‖ ≤ ε of ‖φ(x + δ) - φ₀(x)‖₂²; φ₀ is φ before training. An attacked image keeps the
embedding that the clean image had, so clean retrieval changes little and captions are not needed. The paper
takes the embedding before it is scaled to length 1; here it is the one that retrieval uses, of length 1, so
that the distance is 2 - 2 cos and lies between 0 and 4.
"""

from typing import Any, cast

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call

from crossmodal.attacks.ascent import ascend
from crossmodal.attacks.context import evaluating, frozen
from crossmodal.errors import UserError
from crossmodal.models.architecture import CLIP
from crossmodal.models.clip import image_size
from crossmodal.models.dual_encoder import encode_images
from crossmodal.registry import load
from crossmodal.training.adversary import attacked_rows, warmed_up
from crossmodal.training.adversary_settings import AdversaryParameters
from crossmodal.training.checkpoint import model_state
from crossmodal.training.distributed import gather
from crossmodal.training.step import Prepared


class FareAdversary:
    """Attacks part of each batch's images so that their embeddings leave those of the model before training."""

    def __init__(self, model: CLIP, params: AdversaryParameters, unit: float) -> None:
        """`model` is as it stands before training; `unit` is for the validation, which may attack texts.

        Raises UserError where it trains nothing of the image tower.
        """
        if not _has_gradient(model):
            raise UserError(
                "adversary: the objective fare trains the image tower, of which this method trains nothing;"
                " use objective: retrieval"
            )
        self.params, self.unit, self.attack = params, unit, cast(Any, params.images)
        self.original = OriginalImages(model)

    def prepare(
        self, model: CLIP, pixels: Tensor, tokens: Tensor, labels: Tensor,
        generator: Generator, progress: float,
    ) -> Prepared:  # fmt: skip
        """Return the batch with its first images attacked, and the distance as its loss.

        The loss is a mean over the images of all processes, clean ones among them. It has no gradient for the
        texts.
        """
        targets = self.original.encode(model, pixels)
        attacked, strength = attacked_rows(self.params, len(pixels)), warmed_up(self.params, progress)
        if attacked and strength:
            first = pixels[:attacked]
            ball = load("attacks", self.attack.kind).make_ball(first, self.attack, scale=strength)
            with frozen(model):
                (delta,) = ascend(
                    lambda deltas: distances(encode_images(model, first + deltas[0]), targets[:attacked]),
                    [ball], generator, keep_best=False,
                )  # fmt: skip
            pixels = torch.cat([(first + delta).clamp(0, 1), pixels[attacked:]])

        def loss(image_features: Tensor, text_features: Tensor, scale: Tensor) -> Tensor:
            return gather(distances(image_features, targets)).mean()

        return Prepared(pixels, None, loss)


def distances(features: Tensor, targets: Tensor) -> Tensor:
    """Return the squared L2 distance of each of `features` from its target, both [b, d]: float [b]."""
    return (features - targets).square().sum(dim=-1)


class OriginalImages:
    """φ₀: the image tower of a model as it is now, however the model is trained later.

    What training changes is copied (a few adapters, or all weights) and put in place for one pass, so that
    frozen weights are not held twice and no part of a method can be left out of the copy.
    """

    def __init__(self, model: CLIP) -> None:
        self._state = {f"model.{name}": tensor.clone() for name, tensor in model_state(model).items()}

    @torch.no_grad()
    def encode(self, model: CLIP, pixels: Tensor) -> Tensor:
        """Return the unit-length embeddings [b, d] of `pixels` by φ₀, in eval(); `model` is that of training."""
        with frozen(model):
            features: Tensor = functional_call(_Images(model), self._state, (pixels,))
        return features


@torch.enable_grad()
def _has_gradient(model: CLIP) -> bool:
    """Return whether image embeddings depend on a parameter that is trained."""
    size = image_size(model)
    with evaluating(model):
        return encode_images(model, model.pixel_mean.new_zeros(1, 3, size, size)).requires_grad


class _Images(nn.Module):
    """The image tower as a module's forward(), which is what functional_call calls."""

    def __init__(self, model: CLIP) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> Tensor:
        return encode_images(self.model, pixels)
