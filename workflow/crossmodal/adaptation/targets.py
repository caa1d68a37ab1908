"""The weights of a tower that a low-rank term can be added to, whatever library the tower comes from.

A tower with attention is adapted at its attention and, where asked for, its MLPs. Attention is told by what
its module holds: `in_proj_weight` (nn.MultiheadAttention and open_clip's own attention), one linear `qkv`
(timm's vision transformers), or three linear layers for query, key and value (Hugging Face's BERT, RoBERTa
and their kin, T5, M2M100; timm's EVA). Attention that only pools is left out, as it is where open_clip builds
it from three separate weights.

A tower without attention is a convolutional network. There every placement means the same: each 1×1
convolution that is not grouped, and the linear pairs by which ConvNeXt writes its 1×1 convolutions.
Squeeze-and-excitation layers are among them.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from torch import Tensor, nn

from crossmodal.adaptation.trainable import tower_of
from crossmodal.errors import UserError

Placement = Literal["qkv", "qkvo", "qkvo+mlp"]
Tower = Literal["image", "text"]
Towers = Literal["both", "image", "text"]

_SEPARATE = (("query", "key", "value"), ("q_proj", "k_proj", "v_proj"), ("q", "k", "v"))
_OUTPUT = ("out_proj", "proj", "o_proj", "o")
_MLP = (("c_fc", "c_proj"), ("fc1", "fc2"), ("fc1_g", "fc1_x", "fc2"), ("wi", "wo"), ("wi_0", "wi_1", "wo"))


class Target(NamedTuple):
    """A weight that can be adapted."""

    path: str
    """Dotted name of the module that holds it."""
    module: nn.Module
    tensor: str
    """Name of the weight in the module."""
    blocks: int = 1
    """Separate projections stacked in it: 3 for fused query, key and value, otherwise 1."""
    attention: str = ""
    """Path of the attention module of which it is a query, key or value projection, if it is one."""

    @property
    def width(self) -> int:
        """The highest rank of an added term: the smaller side of one projection."""
        rows, columns = getattr(self.module, self.tensor).shape[:2]
        return int(min(rows // self.blocks, columns))

    @property
    def convolution(self) -> bool:
        """Whether it is a convolution's."""
        return isinstance(self.module, nn.Conv2d)


def wanted_towers(towers: Towers) -> tuple[Tower, ...]:
    """Return the towers that the parameter `towers` names."""
    return ("image", "text") if towers == "both" else (towers,)


def find_targets(model: nn.Module, placement: Placement, towers: Towers, method: str) -> list[Target]:
    """Return the weights that `placement` and `towers` name, in the order of the model's modules.

    Raises UserError, beginning with the name of the `method`, for a tower of an unknown kind.
    """
    found = {tower: _attention(model, tower, placement) for tower in wanted_towers(towers)}
    for tower, targets in found.items():
        if not targets:
            targets.extend(_pointwise(model, tower))
        if not targets:
            raise UserError(
                f"{method}: the {tower} tower has neither attention projections nor 1×1 convolutions to adapt"
            )
    return [target for targets in found.values() for target in targets]


def _modules(model: nn.Module, tower: str) -> Iterator[tuple[str, nn.Module]]:
    for path, module in model.named_modules():
        if path and tower_of(f"{path}.") == tower:
            yield path, module


def _attention(model: nn.Module, tower: str, placement: Placement) -> list[Target]:
    """Return the projections of the attention modules of a tower, and of its MLPs, or nothing without any."""
    found: list[Target] = []
    for path, module in _modules(model, tower):
        projections = _projections(path, module)
        found += projections
        if projections and placement != "qkv":
            found += _output(model, path, module)
        if placement == "qkvo+mlp":
            found += _mlp(path, module)
    return found if any(target.attention for target in found) else []


def _projections(path: str, module: nn.Module) -> list[Target]:
    if isinstance(getattr(module, "in_proj_weight", None), Tensor):
        return [Target(path, module, "in_proj_weight", 3, path)]
    if "pool" in path:
        return []
    if isinstance(getattr(module, "qkv", None), nn.Linear):
        return [Target(f"{path}.qkv", module.get_submodule("qkv"), "weight", 3, path)]
    for names in _SEPARATE:
        layers = _linear(path, module, names)
        if layers:
            return [layer._replace(attention=path) for layer in layers]
    return []


def _output(model: nn.Module, path: str, module: nn.Module) -> list[Target]:
    """Return the output projection of the attention `module` at `path`; BERT has it beside the module."""
    for name in _OUTPUT:
        if isinstance(getattr(module, name, None), nn.Linear):
            return _linear(path, module, (name,))
    parent = path.rpartition(".")[0]
    return _linear(parent, model.get_submodule(parent), ("output.dense",))


def _mlp(path: str, module: nn.Module) -> list[Target]:
    if "pool" in path:
        return []
    # The layers of BERT hold the two halves of their MLP in modules of their own.
    for names in (*_MLP, ("intermediate.dense", "output.dense")):
        layers = _linear(path, module, names)
        if layers:
            return layers
    return []


def _pointwise(model: nn.Module, tower: str) -> list[Target]:
    found: list[Target] = []
    for path, module in _modules(model, tower):
        if isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1) and module.groups == 1:
            found.append(Target(path, module, "weight"))
        found += _mlp(path, module)
    return found


def _linear(path: str, module: nn.Module, names: tuple[str, ...]) -> list[Target]:
    """Return the linear layers called `names` in `module`, or nothing where one of them is missing."""
    found: list[Target] = []
    for name in names:
        layer: object = module
        for part in name.split("."):
            layer = getattr(layer, part, None)
        if not isinstance(layer, nn.Linear):
            return []
        found.append(Target(f"{path}.{name}", layer, "weight"))
    return found
