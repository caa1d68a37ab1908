"""A low-rank term on a weight of the model, as a parametrization of that weight."""

import math
from collections.abc import Iterator, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from crossmodal.adaptation.targets import Target
from crossmodal.errors import UserError

Term = TypeVar("Term", bound=nn.Module)


class LowRank(nn.Module):
    """W ↦ W + scale · B A, block by block: W [blocks · out, in] has one pair of factors for each block.

    `lora_A` is [blocks · r, in] and `lora_B` [blocks · out, r], the shapes of loralib's `MergedLinear` and, for
    the weight [out, in, 1, 1] of a 1×1 convolution, of its `Conv2d`. A is Kaiming-uniform and B zero, so that W
    is unchanged at the start.
    """

    def __init__(
        self, weight: Tensor, rank: int, scale: float, blocks: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.rank, self.scale, self.blocks, self.dimensions = rank, scale, blocks, weight.dim()
        factor = torch.empty(blocks * rank, weight.shape[1], device=generator.device)
        nn.init.kaiming_uniform_(factor, a=math.sqrt(5), generator=generator)
        self.lora_A = nn.Parameter(factor.to(weight))
        self.lora_B = nn.Parameter(weight.new_zeros(weight.shape[0], rank))

    def forward(self, weight: Tensor) -> Tensor:
        """Return the adapted weight, of the shape of `weight`."""
        if self.blocks == 1:
            return weight + self.scale * (self.lora_B @ self.lora_A).view_as(weight)
        down = self.lora_A.view(self.blocks, self.rank, -1)
        up = self.lora_B.view(self.blocks, -1, self.rank)
        return weight + self.scale * torch.bmm(up, down).view_as(weight)


def ranks(targets: Sequence[Target], rank: int, method: str) -> list[int]:
    """Return the rank of the term on each of `targets`.

    That is `rank`, except for a narrower 1×1 convolution, which gets its full width: convolutional networks have
    layers of a few channels, in their squeeze-and-excitation for example. Raises UserError where `rank` exceeds
    the width of another projection or of every convolution.
    """
    binding = [target for target in targets if not target.convolution]
    convolutions = [target for target in targets if target.convolution]
    if convolutions:
        binding.append(max(convolutions, key=lambda target: target.width))
    for target in binding:
        if rank > target.width:
            raise UserError(
                f"{method}: rank {rank} exceeds the width {target.width} of {target.path};"
                f" a rank is 1 to {target.width}"
            )
    return [min(rank, target.width) for target in targets]


def terms(model: nn.Module, kind: type[Term]) -> Iterator[tuple[str, str, Term]]:
    """Yield (path of the module, name of the weight, its term) for each weight with a term of this `kind`."""
    for name, module in model.named_modules():
        if isinstance(module, kind):
            path, _, rest = name.rpartition(".parametrizations.")
            yield path, rest.rpartition(".")[0], module


def adapted(model: nn.Module) -> Iterator[tuple[str, str, LowRank]]:
    """Yield (path of the module, name of the weight, its low-rank term) for each adapted weight."""
    return terms(model, LowRank)


def remove(model: nn.Module, kind: type[nn.Module] = LowRank) -> None:
    """Replace each weight with a term by its value, in place; the state dict has the base model's keys again."""
    for path, tensor, _ in list(terms(model, kind)):
        parametrize.remove_parametrizations(model.get_submodule(path), tensor, leave_parametrized=True)
