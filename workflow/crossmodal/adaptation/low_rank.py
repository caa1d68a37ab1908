"""A low-rank term on a weight of the model, as a parametrization of that weight."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from crossmodal.adaptation.trainable import tower_of
from crossmodal.errors import UserError


class LowRank(nn.Module):
    """W ↦ W + scale · B A, block by block: W [blocks · out, in] has one pair of factors for each block.

    `lora_A` is [blocks · r, in] and `lora_B` [blocks · out, r], the shapes of loralib's `MergedLinear`. A is
    Kaiming-uniform and B zero, so that W is unchanged at the start.
    """

    def __init__(
        self, weight: Tensor, rank: int, scale: float, blocks: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.rank, self.scale, self.blocks = rank, scale, blocks
        factor = torch.empty(blocks * rank, weight.shape[1], device=generator.device)
        nn.init.kaiming_uniform_(factor, a=math.sqrt(5), generator=generator)
        self.lora_A = nn.Parameter(factor.to(weight))
        self.lora_B = nn.Parameter(weight.new_zeros(weight.shape[0], rank))

    def forward(self, weight: Tensor) -> Tensor:
        """Return the adapted weight, of the shape of `weight`."""
        if self.blocks == 1:
            return weight + self.scale * (self.lora_B @ self.lora_A)
        down = self.lora_A.view(self.blocks, self.rank, -1)
        up = self.lora_B.view(self.blocks, -1, self.rank)
        return weight + self.scale * torch.bmm(up, down).view_as(weight)


class Target(NamedTuple):
    """A weight that LoRA can adapt."""

    path: str
    """Dotted name of the module that holds it."""
    module: nn.Module
    tensor: str
    """Name of the weight in the module."""
    blocks: int
    """Separate projections stacked in it: 3 for query, key and value, otherwise 1."""


def find_targets(model: nn.Module, placement: str, towers: str) -> list[Target]:
    """Return the weights that `placement` and `towers` name, in the order of the model's modules.

    Attention is recognised by its fused `in_proj_weight`, so both nn.MultiheadAttention and open_clip's own
    attention module are found. Raises UserError for a tower that has none.
    """
    wanted = ("image", "text") if towers == "both" else (towers,)
    found: list[Target] = []
    for path, module in model.named_modules():
        if tower_of(path) not in wanted:
            continue
        if isinstance(getattr(module, "in_proj_weight", None), nn.Parameter):
            found.append(Target(path, module, "in_proj_weight", 3))
            if placement != "qkv":
                found.append(Target(f"{path}.out_proj", module.get_submodule("out_proj"), "weight", 1))
        elif placement == "qkvo+mlp" and path.endswith(("mlp.c_fc", "mlp.c_proj")):
            found.append(Target(path, module, "weight", 1))
    for tower in wanted:
        if not any(tower_of(target.path) == tower for target in found):
            raise UserError(f"lora: the {tower} tower has no fused attention projections to adapt")
    return found


def adapted(model: nn.Module) -> Iterator[tuple[str, str, LowRank]]:
    """Yield (path of the module, name of the weight, its low-rank term) for each adapted weight."""
    for name, module in model.named_modules():
        if isinstance(module, LowRank):
            path, _, rest = name.rpartition(".parametrizations.")
            yield path, rest.rpartition(".")[0], module


def remove(model: nn.Module) -> None:
    """Replace each adapted weight by its value, in place; the state dict has the base model's keys again."""
    for path, tensor, _ in list(adapted(model)):
        parametrize.remove_parametrizations(model.get_submodule(path), tensor, leave_parametrized=True)
