"""A model's frozen text tower as the prompt methods ask for it: vectors in, the classes' embeddings out."""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor
from torch.nn import functional

from crossmodal.adaptation import prompts
from crossmodal.adaptation.prompt_settings import TextPromptParameters
from crossmodal.errors import UserError
from crossmodal.models import clip, dual_encoder
from crossmodal.models.architecture import CLIP
from crossmodal.models.class_prompts import words


class TowerEncoder:
    """The text tower of a model: it reads vectors after the start token, then a class's name in words."""

    def __init__(self, model: CLIP, classes: Sequence[str]) -> None:
        """Take the tower of `model`, which is put into eval() and frozen.

        Raises UserError where the model has prompts of its own.
        """
        if hasattr(model, "text_prompts"):
            raise UserError("coop: the model has learnt prompts already; take one without")
        self._model = model.eval().requires_grad_(False)
        tokens = clip.tokenize(model, [words(name) for name in classes])
        # A batch is cut after its longest name: names of like length go together.
        order = dual_encoder.lengths(tokens).argsort(stable=True)
        size = dual_encoder.GROUP if dual_encoder.padding(model) is not None else len(order)
        device = model.logit_scale.device
        self._groups = [tokens[rows].to(device) for rows in order.split(size)]
        self._back = order.argsort().to(device)

    def start(self, params: TextPromptParameters, generator: Generator) -> Tensor:
        """Return the vectors [n, width] as they start; UserError where the tower takes no such prompt."""
        return prompts.draw_context(self._model, params, "coop", generator).vectors.detach().clone()

    def __call__(self, vectors: Tensor) -> Tensor:
        """Return the classes' embeddings, float32 [classes, d] of unit length, with a gradient to `vectors`."""
        found = [prompts.text_features(self._model, tokens, None, vectors) for tokens in self._groups]
        return functional.normalize(torch.cat(found).float(), dim=-1)[self._back]
