"""Weights of which some entries train: after each step of an optimiser the others are put back.

It is the step that is masked and not only the gradient: AdamW's weight decay moves what has no gradient.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class Masks:
    """Where some parameters train, and what they were where they do not."""

    def __init__(self, trained: Mapping[str, tuple[nn.Parameter, Tensor]]) -> None:
        """Take parameters, each with a mask of its shape, true where it trains; by name."""
        self._trained = {name: (p, mask, p.detach().clone()) for name, (p, mask) in trained.items()}

    @torch.no_grad()
    def hold(self) -> None:
        """Put back every entry that does not train; call it after each step of the optimiser."""
        for parameter, mask, start in self._trained.values():
            parameter.copy_(torch.where(mask, parameter, start))

    def trained(self, model: nn.Module) -> int:
        """Return how many single parameters of `model` train: of masked ones those within the mask."""
        masked = {id(parameter): int(mask.sum()) for parameter, mask, _ in self._trained.values()}
        return sum(masked.get(id(p), p.numel()) for p in model.parameters() if p.requires_grad)

    def masks(self) -> dict[str, Tensor]:
        """Return where each masked parameter trains, by name."""
        return {name: mask for name, (_, mask, _) in self._trained.items()}
