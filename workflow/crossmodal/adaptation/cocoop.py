"""Conditional prompts after CoCoOp (Zhou et al. 2022), conditioned so that embeddings can be indexed.

A tower reads the vectors ctx + π(f) after its first token, where f is the unit-length feature that the same
tower gives the same input without prompts, and π = Linear(d → d/16)-ReLU-Linear(d/16 → width). In the paper
there are text prompts only and f is the feature of the image, so that every caption has another embedding for
every image and nothing can be embedded in advance. Here captions are conditioned on themselves, and images on
themselves: each input has one embedding. Each is encoded twice, and gradients, those of attacks among them, go
through both passes; a caption that is cut to make room for the vectors is still read whole in the first.

With n vectors, features of width d and h = d/16 (at least 1) a tower of width w has n w + (d h + h) + (h w + w)
parameters. How the towers read prompts, and why peft cannot express them, is in `prompts`.
"""

from functools import partial

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from crossmodal.adaptation import prompts
from crossmodal.adaptation.cocoop_params import Params
from crossmodal.adaptation.initialisation import linear
from crossmodal.adaptation.trainable import freeze
from crossmodal.models import clip, dual_encoder
from crossmodal.models.architecture import CLIP

MERGES = False  # the vectors are inputs, not weights


class Conditional(nn.Module):
    """Vectors ctx + π(f), [b, n, width], for features f [b, d]."""

    def __init__(self, context: prompts.Learnt, features: int, generator: Generator) -> None:
        super().__init__()
        like, hidden = context.vectors.detach(), max(1, features // 16)
        self.context = context
        self.network = nn.Sequential(
            linear(features, hidden, generator, like),
            nn.ReLU(),
            linear(hidden, like.shape[1], generator, like),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return the vectors for `features` [b, d], which are scaled to unit length first."""
        shift: Tensor = self.network(functional.normalize(features, dim=-1))
        return self.context() + shift.unsqueeze(1)


class ConditionalTextPrompts(nn.Module):
    """`model.text_prompts`, conditional on the caption."""

    def __init__(self, vectors: Conditional) -> None:
        super().__init__()
        self.vectors = vectors

    def forward(self, model: CLIP, tokens: Tensor, delta: Tensor | None) -> Tensor:
        """Return the features [b, d]; arguments as those of `dual_encoder.encode_texts`."""
        edit = None if delta is None else partial(dual_encoder.shifted, delta=delta)
        own = dual_encoder.text_features(model, tokens, edit)
        return prompts.text_features(model, tokens, delta, self.vectors(own))


class ConditionalImagePrompts(nn.Module):
    """`model.visual.prompts`, conditional on the image."""

    def __init__(self, vectors: Conditional) -> None:
        super().__init__()
        self.vectors = vectors

    def forward(self, visual: nn.Module, images: Tensor) -> Tensor:
        """Return the features [b, d] of normalised `images`."""
        return prompts.image_features(visual, images, self.vectors(visual(images)))


def attach(model: CLIP, params: Params, generator: torch.Generator) -> None:
    """Give the chosen towers their vectors and networks, the only parameters that train.

    Raises UserError where the vectors do not fit the context, or a tower is of a kind that takes no prompts.
    """
    features, text, image = clip.embedding_size(model), params.towers != "image", params.towers != "text"
    if text:
        context = prompts.draw_context(model, params, "cocoop", generator)
    if image:
        prompts.image_blocks(model, "cocoop", "; `towers: text` is possible" if text else "")
    freeze(model)
    if text:
        model.text_prompts = ConditionalTextPrompts(Conditional(context, features, generator))
    if image:
        context = prompts.draw_image_context(model, params.length, generator)
        model.visual.prompts = ConditionalImagePrompts(Conditional(context, features, generator))
