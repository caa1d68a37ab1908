"""LoRA (Hu et al. 2021) in the places of LoRSU's terms: all heads, or all channels, and no sparse part.

It is what LoRSU is with k = all heads and sparsity 0, of the same rank or of a rank for the same budget. Where
LoRSU trains single weights it may have terms, too: held to LoRSU's places it would be a weaker method than it is.
"""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from crossmodal.adaptation.targets import Towers
from crossmodal.models.architecture import CLIP
from crossmodal.updates.lora_params import Params
from crossmodal.updates.masks import Masks
from crossmodal.updates.parts import Layer, Parts, find_parts, weight_of
from crossmodal.updates.structured import add_terms, size, terms_size


def attach(model: CLIP, params: Params, towers: Towers, gradients: Mapping[str, Tensor], seed: int) -> Masks:
    """Let the terms, and the biases if asked for, train; UserError where the rank exceeds a projection's
    width."""
    found = find_parts(model, towers, params.kind)
    parts = places(found, params)
    chosen = [torch.arange(layer.groups) for layer in parts.layers]
    rank = rank_of(model, found, parts, params)
    return add_terms(model, parts, chosen, {}, params, rank, params.kind, torch.Generator().manual_seed(seed))


def places(parts: Parts, params: Params) -> Parts:
    """Return parts whose layers are those that terms are put on."""
    first = [Layer([target], len(weight_of(target))) for target in parts.first if params.first_layers]
    return replace(parts, layers=[*parts.layers, *first])


def rank_of(model: CLIP, found: Parts, parts: Parts, params: Params) -> int:
    """Return the rank of terms on `parts`, or where it follows from a budget, which is of an update of the parts
    `found`, the largest that trains no more; 1 at least."""
    if params.rank is not None or params.matches is None:
        return params.rank or 1
    everything = [layer.groups for layer in parts.layers]
    budget = size(model, found, params.matches)
    widest = max(target.width for layer in parts.layers for target in layer.targets)
    fitting = [r for r in range(1, widest + 1) if terms_size(model, parts, everything, params, r) <= budget]
    return max(fitting, default=1)
