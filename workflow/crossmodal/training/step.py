"""One training step as two parts: a batch made ready, clean or attacked, and the loss of its features.

The loss is a function of features, so that whoever takes the step may encode the batch in pieces. Where processes
share a batch, each prepares and attacks its own part against its own part; the loss then gathers the features of
all, and every process has the loss of the whole batch.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from torch import Generator, Tensor

from crossmodal.models.architecture import CLIP
from crossmodal.models.dual_encoder import encode_images, encode_texts, logit_scale
from crossmodal.models.loss import contrastive_loss
from crossmodal.training.adversary_settings import AdversaryParameters
from crossmodal.training.distributed import gather

FeatureLoss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Image features [b, d], text features [b, d] and the scale of the logits to a scalar with a gradient. With
several processes b counts this one's pairs; a mean over examples is one over `gather`ed examples."""


class Prepared(NamedTuple):
    """A batch ready for the step."""

    pixels: Tensor
    """float32 [b, 3, s, s] in [0, 1]."""
    delta: Tensor | None
    """Offsets of the token embeddings, float [b, context, width], or None."""
    loss: FeatureLoss


class Adversary(Protocol):
    """Whoever attacks batches before the step (`training.adversary`)."""

    params: AdversaryParameters
    unit: float
    """The norm that epsilon of an attack on token embeddings counts in."""

    def prepare(
        self,
        model: CLIP,
        pixels: Tensor,
        tokens: Tensor,
        labels: Tensor,
        generator: Generator,
        progress: float,
    ) -> Prepared:
        """Return the attacked batch; `progress` is the share of all steps that is done, 0 to 1."""


def prepare(pixels: Tensor, labels: Tensor) -> Prepared:
    """Return the clean batch of `pixels` with the contrastive loss of `labels` [b], over all processes."""

    def loss(image_features: Tensor, text_features: Tensor, scale: Tensor) -> Tensor:
        return contrastive_loss(gather(image_features), gather(text_features), gather(labels), scale)

    return Prepared(pixels, None, loss)


def batch_loss(model: CLIP, prepared: Prepared, tokens: Tensor) -> Tensor:
    """Return the loss of a prepared batch, a scalar with a gradient."""
    image_features = encode_images(model, prepared.pixels)
    text_features = encode_texts(model, tokens, prepared.delta)
    return prepared.loss(image_features, text_features, logit_scale(model))
