"""What every update can do: be put on a model for one session, and be merged after it.

An update is a module with `attach(model, params, towers, gradients, seed)`, which lets exactly its parameters
train and returns the masks of those that train in part; `GRADIENTS = True` where it chooses by gradients of
the new data; `PASSES`, where it is not two, through how many passes of the tower a step goes.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import parametrize

from crossmodal import registry
from crossmodal.adaptation.targets import Towers
from crossmodal.adaptation.trainable import freeze, release
from crossmodal.models.architecture import CLIP
from crossmodal.updates.masks import Masks
from crossmodal.updates.parts import name_of, weight_of
from crossmodal.updates.structured import RowLowRank, scored_weights

PACKAGE = "updates"

Part = tuple[int, Callable[[], Tensor]]
"""A batch of the data: how many images it has, and what computes its mean loss."""


def attach(model: CLIP, params: Any, towers: Towers, gradients: Mapping[str, Tensor], seed: int) -> Masks:
    """Let the update of `params` train `towers` of a bare model in place, and nothing else; its output is
    unchanged.

    `gradients` are those of `mean_gradients` where the update asks for them, else none; random choices and factors
    follow from `seed`. UserError where the update does not fit the model.
    """
    found: Masks = registry.load(PACKAGE, params.kind).attach(model, params, towers, gradients, seed)
    return found


def asks_gradients(params: Any) -> bool:
    """Return whether the update chooses what it trains by gradients of the new data."""
    return bool(getattr(registry.load(PACKAGE, params.kind), "GRADIENTS", False))


def mean_gradients(model: CLIP, towers: Towers, batches: Iterable[Part]) -> dict[str, Tensor]:
    """Return the mean signed gradient of the loss over all `batches`, one pass, by the names of the weights.

    Of the weights that a choice is made among: query, key and value, first layers of MLPs, 1×1 convolutions.
    The model is bare, and is left frozen.
    """
    targets = scored_weights(model, towers, "gradients")
    freeze(model)
    weights = [weight_of(target).requires_grad_(True) for target in targets]
    totals, images = [torch.zeros_like(weight) for weight in weights], 0
    for count, loss in batches:
        for total, gradient in zip(totals, torch.autograd.grad(loss(), weights), strict=True):
            total.add_(gradient, alpha=count)
        images += count
    freeze(model)
    return {name_of(target): total / images for target, total in zip(targets, totals, strict=True)}


def merge(model: CLIP) -> None:
    """Fold an update into the weights in place: the same function, the base model's keys, nothing trains."""
    # open_clip's CLIP holds the text projection itself, so a term may be on the model and not on a part of it.
    for module in [part for part in model.modules() if parametrize.is_parametrized(part)]:
        for tensor, terms in list(module.parametrizations.items()):
            if isinstance(terms[0], RowLowRank):
                parametrize.remove_parametrizations(module, tensor, leave_parametrized=True)
    release(model)
    model.requires_grad_(False)
