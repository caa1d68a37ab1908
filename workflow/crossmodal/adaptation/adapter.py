"""Adapters (Houlsby et al. 2019): x + up(GELU(down(x))) after multi-head attention, in every block.

`up` starts at zero, so the model starts as the base model, bit for bit; `down` is drawn as nn.Linear draws it.
The paper draws both from a narrow normal distribution and has a second adapter after the MLP. With width d and
bottleneck b each adapter has 2 b d + b + d parameters. It is not linear, so it cannot be folded into weights.

An adapter is a module of the attention module that it follows, applied by a forward hook which is a plain
function: copying, moving or loading the model takes both along. Hugging Face peft (0.21.2) has no adapters of
this kind, so the saved tensors have their names in the model.
"""

import re
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from crossmodal.adaptation.adapter_params import Params
from crossmodal.adaptation.initialisation import linear
from crossmodal.adaptation.trainable import freeze, tower_of
from crossmodal.errors import UserError
from crossmodal.models.architecture import CLIP

MERGES = False  # an adapter is not linear

_ATTENTION = re.compile(r"(^|\.)(resblocks|blocks)\.\d+\.attn$|\.layer\.\d+\.attention\.output\.dense$")
"""Attention in a block of open_clip's and timm's transformers, and its last projection in Hugging Face's BERTs."""


class Adapter(nn.Module):
    """x ↦ x + up(GELU(down(x))) with up zero at the start."""

    def __init__(self, width: int, bottleneck: int, generator: torch.Generator, like: Tensor) -> None:
        super().__init__()
        self.down = linear(width, bottleneck, generator, like)
        self.up = linear(bottleneck, width, generator, like)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return the adapted activations, of the shape of `x`."""
        return x + self.up(functional.gelu(self.down(x)))


def attach(model: CLIP, params: Params, generator: torch.Generator) -> None:
    """Add an adapter to every block of the chosen towers, the only parameters that train.

    Raises UserError for a tower that has no such blocks.
    """
    wanted = ("image", "text") if params.towers == "both" else (params.towers,)
    found = [
        (tower_of(path), module)
        for path, module in model.named_modules()
        if tower_of(path) in wanted and _ATTENTION.search(path)
    ]
    for tower in wanted:
        if not any(name == tower for name, _ in found):
            raise UserError(f"adapter: the {tower} tower has no blocks with attention to adapt")
    freeze(model)
    for _, attention in found:
        projection = _projection(attention)
        attention.adapter = Adapter(
            projection.out_features, params.bottleneck, generator, like=projection.weight
        )
        attention.register_forward_hook(_apply)


def _projection(attention: nn.Module) -> nn.Linear:
    """Return the layer that gives the output of an attention module its width."""
    for name in ("out_proj", "proj"):
        if isinstance(layer := getattr(attention, name, None), nn.Linear):
            return layer
    assert isinstance(attention, nn.Linear)
    return attention


def _apply(attention: nn.Module, _args: object, output: Any) -> Any:
    """Adapt what `attention` returns: activations, or with torch's module (activations, weights)."""
    adapter = attention.get_submodule("adapter")
    if isinstance(output, tuple):
        return adapter(output[0]), *output[1:]
    return adapter(output)
