"""Adapters (Houlsby et al. 2019): x + up(GELU(down(x))) after multi-head attention, in every block.

A convolutional tower has no attention: there the adapter follows every block (of timm's EfficientNet and its kin,
see `blocks`), down and up are 1×1 convolutions, and x is what the block hands on, its own residual included. That
is the same function of the channels at every pixel.

`up` starts at zero, so the model starts as the base model, bit for bit; `down` is drawn as nn.Linear draws it.
The paper draws both from a narrow normal distribution and has a second adapter after the MLP. With width d (the
channels of a block) and bottleneck b each adapter has 2 b d + b + d parameters. It is not linear, so it cannot be
folded into weights.

An adapter is a module of the module that it follows, applied by a forward hook which is a plain function:
copying, moving or loading the model takes both along. Hugging Face peft (0.21.2) has no adapters of this kind, so
the saved tensors have their names in the model.
"""

import re
from collections.abc import Callable
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from crossmodal.adaptation.adapter_params import Params
from crossmodal.adaptation.blocks import convolutional_blocks
from crossmodal.adaptation.initialisation import linear, pointwise
from crossmodal.adaptation.targets import wanted_towers
from crossmodal.adaptation.trainable import freeze, tower_of
from crossmodal.errors import UserError
from crossmodal.models.architecture import CLIP

MERGES = False  # an adapter is not linear

_ATTENTION = re.compile(r"(^|\.)(resblocks|blocks)\.\d+\.attn$|\.layer\.\d+\.attention\.output\.dense$")
"""Attention in a block of open_clip's and timm's transformers, and its last projection in Hugging Face's BERTs."""

Layer = Callable[[int, int, torch.Generator, Tensor], nn.Linear | nn.Conv2d]


class Adapter(nn.Module):
    """x ↦ x + up(GELU(down(x))) with up zero at the start; `layer` makes down and up."""

    def __init__(
        self, width: int, bottleneck: int, generator: torch.Generator, like: Tensor, layer: Layer = linear
    ) -> None:
        super().__init__()
        self.down = layer(width, bottleneck, generator, like)
        self.up = layer(bottleneck, width, generator, like)
        for parameter in self.up.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        """Return the adapted activations, of the shape of `x`."""
        return x + self.up(functional.gelu(self.down(x)))


def attach(model: CLIP, params: Params, generator: torch.Generator) -> None:
    """Add an adapter to every block of the chosen towers, the only parameters that train.

    Raises UserError for a tower that has no such blocks.
    """
    found = {tower: _places(model, tower) for tower in wanted_towers(params.towers)}
    for tower, places in found.items():
        if not places:
            raise UserError(
                f"adapter: the {tower} tower has no blocks to adapt, neither with attention"
                " nor those of timm's EfficientNet and its kin"
            )
    freeze(model)
    for place in chain.from_iterable(found.values()):
        last = _last_layer(place)
        layer: Layer = pointwise if isinstance(last, nn.Conv2d) else linear
        width = last.out_channels if isinstance(last, nn.Conv2d) else last.out_features
        place.adapter = Adapter(width, params.bottleneck, generator, last.weight, layer)
        place.register_forward_hook(_apply)


def _places(model: nn.Module, tower: str) -> list[nn.Module]:
    """Return the modules of a tower that an adapter follows: attention, or else whole convolutional blocks."""
    attention = [
        module
        for path, module in model.named_modules()
        if tower_of(path) == tower and _ATTENTION.search(path)
    ]
    return attention or [model.get_submodule(path) for path in convolutional_blocks(model, tower)]


def _last_layer(place: nn.Module) -> nn.Linear | nn.Conv2d:
    """Return the layer that gives the output of an attention module or of a block its width."""
    for name in ("out_proj", "proj"):
        if isinstance(layer := getattr(place, name, None), nn.Linear):
            return layer
    if isinstance(place, nn.Linear):
        return place
    return [module for module in place.modules() if isinstance(module, nn.Conv2d)][-1]


def _apply(place: nn.Module, _args: object, output: Any) -> Any:
    """Adapt what `place` returns: activations, or with torch's attention (activations, weights)."""
    adapter = place.get_submodule("adapter")
    if isinstance(output, tuple):
        return adapter(output[0]), *output[1:]
    return adapter(output)
