"""AdaLoRA's term on a weight, and the budget that is shared out among all of them (Zhang et al. 2023)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from crossmodal.adaptation.initialisation import orthonormal


class Triplets(nn.Module):
    """W ↦ W + P Λ Q, block by block: W [blocks · out, in] has `rank` triplets for each block.

    A triplet is a column of `lora_P` [blocks, out, r], an entry of `lora_lambda` [blocks, r] and a row of `lora_Q`
    [blocks, r, in]. P and Q start orthonormal and Λ at zero: W is unchanged, and so small is the penalty that the
    first epochs are not spent on it, as they are where P and Q start from a normal distribution. `rank` is at most
    the smaller side of a block. The buffers remember the allocation: `mask`,
    true where a triplet may be other than zero, and for each factor the moving averages of its sensitivity and of
    the uncertainty of that.
    """

    mask: Tensor

    def __init__(self, weight: Tensor, rank: int, blocks: int, generator: torch.Generator) -> None:
        super().__init__()
        rows, columns = weight.shape[0] // blocks, weight.shape[1]
        self.lora_P = nn.Parameter(orthonormal(blocks, rows, rank, generator, like=weight))
        self.lora_Q = nn.Parameter(orthonormal(blocks, columns, rank, generator, like=weight).mT.contiguous())
        self.lora_lambda = nn.Parameter(weight.new_zeros(blocks, rank))
        self.register_buffer("mask", torch.ones(blocks, rank, dtype=torch.bool, device=weight.device))
        for name, factor in self.factors():
            self.register_buffer(f"sensitivity_{name}", torch.zeros_like(factor))
            self.register_buffer(f"uncertainty_{name}", torch.zeros_like(factor))

    def factors(self) -> list[tuple[str, nn.Parameter]]:
        """Return P, Λ and Q with the names that their buffers end with."""
        return [(name, self.get_parameter(f"lora_{name}")) for name in ("P", "lambda", "Q")]

    def forward(self, weight: Tensor) -> Tensor:
        """Return the adapted weight, of the shape of `weight`."""
        p, q = self.get_parameter("lora_P"), self.get_parameter("lora_Q")
        return weight + torch.bmm(p * self.lora_lambda.unsqueeze(1), q).view_as(weight)

    def penalty(self) -> Tensor:
        """Return Σ over the blocks of ‖PᵀP − I‖² + ‖QQᵀ − I‖² (Frobenius norms), a scalar (section 3.1)."""
        p, q = self.get_parameter("lora_P"), self.get_parameter("lora_Q")
        identity = torch.eye(p.shape[2], dtype=p.dtype, device=p.device)
        return (p.mT @ p - identity).square().sum() + (q @ q.mT - identity).square().sum()

    @torch.no_grad()
    def observe(self, beta_sensitivity: float, beta_uncertainty: float) -> None:
        """Let the moving averages see the factors and their gradients (section 3.2).

        I = |w g|, Ī ← β₁ Ī + (1 − β₁) I and U ← β₂ U + (1 − β₂) |I − Ī|. A factor without a gradient counts as
        one whose gradient is zero.
        """
        for name, factor in self.factors():
            average, uncertainty = (
                self.get_buffer(f"sensitivity_{name}"),
                self.get_buffer(f"uncertainty_{name}"),
            )
            now = torch.zeros_like(factor) if factor.grad is None else (factor * factor.grad).abs()
            average.lerp_(now, 1 - beta_sensitivity)
            uncertainty.lerp_((now - average).abs(), 1 - beta_uncertainty)

    def scores(self) -> Tensor:
        """Return the score [blocks, r] of each triplet, s(λ) + mean s(P) + mean s(Q) with s = Ī U."""
        p, middle, q = (
            self.get_buffer(f"sensitivity_{name}") * self.get_buffer(f"uncertainty_{name}")
            for name in ("P", "lambda", "Q")
        )
        return middle + p.mean(dim=1) + q.mean(dim=2)


@dataclass(frozen=True, slots=True)
class Schedule:
    """How the budget falls over a training run of `steps` updates (section 3.3)."""

    steps: int
    initial: int
    """Triplets at the start."""
    target: int
    """Triplets at the end."""
    warm_up: float
    """Share of the steps before the budget begins to fall."""
    final: float
    """Share of the steps at the end during which the allocation is fixed."""

    @property
    def end(self) -> int:
        """The first step with the target as its budget, the last that allocates."""
        return max(1, self.steps - math.floor(self.final * self.steps))

    @property
    def begin(self) -> int:
        """The last step with the whole budget."""
        return min(math.floor(self.warm_up * self.steps), self.end - 1)

    def budget(self, step: int) -> int:
        """Return how many triplets may be other than zero after update `step`, counted from 1.

        Between the warm-up and the last phase this is target + (initial − target) (1 − progress)³, rounded.
        """
        progress = min(1.0, max(0.0, (step - self.begin) / (self.end - self.begin)))
        return self.target + round((self.initial - self.target) * (1 - progress) ** 3)

    def allocates(self, step: int) -> bool:
        """Return whether the budget is shared out anew after update `step`, counted from 1."""
        return self.begin < step <= self.end


@torch.no_grad()
def allocate(terms: Sequence[Triplets], count: int) -> None:
    """Let the `count` triplets with the highest scores of all `terms` be and mask the others.

    Of equal scores the earlier one wins.
    """
    ranking = torch.cat([term.scores().flatten() for term in terms]).argsort(descending=True, stable=True)
    kept = torch.zeros(len(ranking), dtype=torch.bool, device=ranking.device)
    kept[ranking[:count]] = True
    for term, mask in zip(terms, kept.split([term.mask.numel() for term in terms]), strict=True):
        term.mask.copy_(mask.view_as(term.mask))


@torch.no_grad()
def prune(terms: Sequence[Triplets]) -> None:
    """Set λ to zero wherever the mask of a term is false."""
    for term in terms:
        term.lora_lambda.mul_(term.mask)
