"""A frozen teacher beside a student that is trained: what it makes of each batch is to be learnt."""

import math
from typing import cast

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from crossmodal.models.architecture import CLIP
from crossmodal.models.clip import embedding_size
from crossmodal.models.distillation_settings import DistillationParameters
from crossmodal.models.dual_encoder import encode_images, encode_texts, logit_scale
from crossmodal.training.distillation_losses import Embedded, distillation_loss
from crossmodal.training.distributed import gather
from crossmodal.training.optimiser import MAX_LOGIT_SCALE
from crossmodal.training.step import Prepared

START = math.log(1 / 0.07)
"""The logarithm of the scale of logits between the two models at the start, CLIP's own (Radford et al. 2021)."""


class Bridge(nn.Module):
    """From the student's space to the teacher's: trained along with the student, which does not keep it.

    Where the spaces have one width embeddings pass as they are, else a linear map for each modality takes
    them there.
    """

    def __init__(self, student: CLIP, teacher: CLIP, seed: int) -> None:
        """The maps start orthogonal and follow from `seed`; torch's random state is left as it was."""
        super().__init__()
        widths = embedding_size(student), embedding_size(teacher)
        self.cross_scale = nn.Parameter(torch.tensor(START))
        self.image: nn.Module = nn.Identity()
        self.text: nn.Module = nn.Identity()
        if widths[0] != widths[1]:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                self.image, self.text = nn.Linear(*widths, bias=False), nn.Linear(*widths, bias=False)
                for layer in (self.image, self.text):
                    nn.init.orthogonal_(layer.weight)

    def forward(self, images: Tensor, texts: Tensor) -> Embedded:
        """Return the student's embeddings [n, d] in the teacher's space, and the scale between the two."""
        scale = self.cross_scale.clamp(max=MAX_LOGIT_SCALE).exp()
        if isinstance(self.image, nn.Identity):
            return Embedded(images, texts, scale)
        return Embedded(_unit(self.image(images)), _unit(self.text(texts)), scale)


def _unit(embeddings: Tensor) -> Tensor:
    return functional.normalize(embeddings.float(), dim=-1)


class Teacher:
    """Stands where an adversary does in a training step: it makes the batch ready, and says what its loss is."""

    def __init__(self, model: CLIP, bridge: Bridge, losses: DistillationParameters) -> None:
        """`model` is on the device of training, frozen and in eval(); `bridge` is part of what is trained."""
        self.model, self.bridge, self.losses = model, bridge, losses

    def prepare(
        self,
        model: CLIP,
        pixels: Tensor,
        tokens: Tensor,
        labels: Tensor,
        generator: Generator,
        progress: float,
    ) -> Prepared:
        """Return the batch as it is, with the loss of the student's embeddings beside the teacher's.

        The teacher sees the very pixels, augmented as they are. With several processes the loss is that of
        the whole batch in each. `model`, the student, `generator` and `progress` have no influence.
        """
        with torch.no_grad():
            images, texts = encode_images(self.model, pixels), encode_texts(self.model, tokens)
            target = Embedded(gather(images), gather(texts), logit_scale(self.model))

        def loss(image_features: Tensor, text_features: Tensor, scale: Tensor) -> Tensor:
            student = Embedded(gather(image_features), gather(text_features), scale)
            mapped = cast(Embedded, self.bridge(student.images, student.texts))
            return distillation_loss(student, mapped, target, gather(labels), self.losses)

        return Prepared(pixels, None, loss)
