"""What of a tower an update may change, found in open_clip's, timm's and Hugging Face's towers alike.

Heads: the rows of query, key and value that belong to one attention head. A convolutional tower has none;
there the output channels of its ungrouped 1×1 convolutions take their place, each a group of one row. First
layers: of each MLP (`c_fc`, `fc1`), and of each inverted residual of a convolutional tower the 1×1
convolution that widens it, which is to its block what the first layer is to an MLP; it is not among the
convolutions above.
"""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from crossmodal.adaptation.linear import PROJECTIONS
from crossmodal.adaptation.targets import Target, Tower, Towers, find_targets, wanted_towers
from crossmodal.adaptation.trainable import BATCH_NORMALISATION
from crossmodal.errors import UserError
from crossmodal.models.architecture import CLIP

_HEADS = ("num_heads", "num_attention_heads", "n_heads", "heads")
_FIRST = ("c_fc", "fc1", "fc1_g", "fc1_x", "intermediate.dense", "wi", "wi_0", "wi_1")


@dataclass(frozen=True)
class Layer:
    """Weights whose rows are chosen together: those of one attention, or one convolution."""

    targets: list[Target]
    groups: int
    """Heads of the attention, or output channels of the convolution."""

    @property
    def convolution(self) -> bool:
        """Whether it is a convolution."""
        return self.targets[0].convolution

    def rows(self, target: Target, chosen: Tensor) -> Tensor:
        """Return the rows of a weight that belong to the `chosen` groups, ascending int64."""
        own = self.row_groups(target)
        return torch.isin(own, chosen.to(own)).nonzero().flatten()

    def row_groups(self, target: Target) -> Tensor:
        """Return the group of each row of a weight, int64 [rows]."""
        rows = weight_of(target).shape[0] // target.blocks
        return torch.arange(self.groups).repeat_interleave(rows // self.groups).repeat(target.blocks)


@dataclass(frozen=True)
class Parts:
    """The parts of the towers that are updated."""

    layers: list[Layer]
    first: list[Target]
    """First layers of MLPs, or widening convolutions."""
    projections: list[Target]
    """What takes the towers into the joint space."""
    biases: list[str]
    """Names of the biases of `layers` and `first`."""


def find_parts(model: CLIP, towers: Towers, method: str) -> Parts:
    """Return the parts of `towers`; UserError, beginning with the name of the `method`, for an unknown
    tower."""
    layers: list[Layer] = []
    first: list[Target] = []
    projections: list[Target] = []
    for tower in wanted_towers(towers):
        own, of_mlps = _split(model, tower, method)
        layers += own
        first += of_mlps
        projections += _projections(model, tower)
    targets = [target for layer in layers for target in layer.targets]
    biases = [name for target in [*targets, *first] for name in _biases(model, target)]
    return Parts(layers, first, projections, list(dict.fromkeys(biases)))


def name_of(target: Target) -> str:
    """Return the name of a weight among the parameters of the bare model."""
    return f"{target.path}.{target.tensor}" if target.path else target.tensor


def weight_of(target: Target) -> nn.Parameter:
    """Return the weight that can be changed."""
    return cast(nn.Parameter, getattr(target.module, target.tensor))


def _split(model: CLIP, tower: Tower, method: str) -> tuple[list[Layer], list[Target]]:
    """Return what has heads or channels to choose from, and the first layers."""
    found = find_targets(model, "qkvo+mlp", tower, method)
    attentions: dict[str, list[Target]] = {}
    for target in found:
        if target.attention:
            attentions.setdefault(target.attention, []).append(target)
    if attentions:
        layers = [
            Layer(targets, _heads(model, path, targets, method)) for path, targets in attentions.items()
        ]
        return layers, [target for target in found if target.path.endswith(tuple(f".{n}" for n in _FIRST))]
    first = [target for target in found if _widens(model, target)]
    others = [target for target in found if target not in first]
    return [Layer([target], weight_of(target).shape[0]) for target in others], first


def _heads(model: CLIP, path: str, targets: list[Target], method: str) -> int:
    attention = model.get_submodule(path)
    heads = next((count for name in _HEADS if isinstance(count := getattr(attention, name, None), int)), 0)
    if not heads or any(weight_of(t).shape[0] // t.blocks % heads for t in targets):
        raise UserError(f"{method}: {path} does not say how its rows divide into heads")
    return heads


def _widens(model: CLIP, target: Target) -> bool:
    """Return whether a layer widens an inverted residual of timm's, or is the first of ConvNeXt's pointwise two.

    ConvNeXt writes these as linear layers or as convolutions, by the size of the model. A squeeze-and-excitation
    layer may have the same name: it narrows.
    """
    parent, _, name = target.path.rpartition(".")
    if name == "conv_pw":
        return hasattr(model.get_submodule(parent), "conv_pwl")
    rows, columns = weight_of(target).shape[:2]
    return name in _FIRST and (not target.convolution or rows > columns)


def _projections(model: CLIP, tower: Tower) -> list[Target]:
    found = []
    for name, parameter in model.named_parameters():
        path, _, tensor = name.rpartition(".")
        if parameter.ndim == 2 and any(f"{name}.".startswith(f"{place}.") for place in PROJECTIONS[tower]):
            found.append(Target(path, model.get_submodule(path), tensor))
    return found


def _biases(model: CLIP, target: Target) -> list[str]:
    name = f"{target.path}.{target.tensor.replace('weight', 'bias')}"
    if isinstance(getattr(target.module, target.tensor.replace("weight", "bias"), None), nn.Parameter):
        return [name]
    if not target.convolution:
        return []
    path, _, own = target.path.rpartition(".")
    children = list(model.get_submodule(path).named_children())
    position = next(i for i, (child, _) in enumerate(children) if child == own)
    behind = children[position + 1 : position + 2]
    return [
        f"{path}.{child}.bias"
        for child, module in behind
        if isinstance(module, BATCH_NORMALISATION) and module.num_features == weight_of(target).shape[0]
    ]
