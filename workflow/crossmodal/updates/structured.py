"""A low-rank term on chosen rows, and single weights that train under a mask: what LoRSU and its kin are made
of.

Scores say what is chosen: a head by the sum of squares over its rows of query, key and value, a channel over
its row, a single weight by its absolute value. LoRSU's are gradients; of equal scores the first is chosen.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.utils import parametrize

from crossmodal.adaptation.low_rank import LowRank, ranks
from crossmodal.adaptation.targets import Target, Towers
from crossmodal.adaptation.trainable import freeze
from crossmodal.errors import UserError
from crossmodal.models.architecture import CLIP
from crossmodal.updates.masks import Masks
from crossmodal.updates.parts import Layer, Parts, find_parts, name_of, weight_of
from crossmodal.updates.settings import StructuredParameters, TermParameters

Scores = Callable[[Target], Tensor]
"""Returns the scores of a weight's entries, of the weight's shape."""


class RowLowRank(LowRank):
    """A low-rank term on some rows of a weight, block by block; all other rows stay what they are, to the
    bit."""

    rows: Tensor

    def __init__(
        self, weight: Tensor, rows: Tensor, rank: int, scale: float, blocks: int, generator: torch.Generator
    ) -> None:
        """Take the `rows` [n] that it is on, ascending, as many in each of the blocks."""
        super().__init__(weight[rows], rank, scale, blocks, generator)
        self.register_buffer("rows", rows)

    def forward(self, weight: Tensor) -> Tensor:
        """Return the weight with the term on its rows."""
        return weight.index_copy(0, self.rows, super().forward(weight[self.rows]))


def scored_weights(model: CLIP, towers: Towers, method: str) -> list[Target]:
    """Return the weights whose scores a choice is made by."""
    parts = find_parts(model, towers, method)
    return [*(target for layer in parts.layers for target in layer.targets), *parts.first]


def by_gradient(gradients: Mapping[str, Tensor]) -> Scores:
    """Return scores that are the mean gradients of weights, by their names."""
    return lambda target: gradients[name_of(target)]


def at_random(seed: int) -> Scores:
    """Return scores drawn from a normal distribution, for each weight by its name: every choice is as
    likely."""
    generator = torch.Generator().manual_seed(seed)
    return lambda target: torch.randn(weight_of(target).shape, generator=generator)


def attach(
    model: CLIP, params: StructuredParameters, towers: Towers, scores: Scores, generator: torch.Generator
) -> Masks:
    """Let exactly what `params` and `scores` choose train; return the masks of what trains under one.

    Random factors are drawn from `generator`. UserError where there are fewer heads, no MLP has single weights
    to choose from, or a rank is too high.
    """
    kind = str(getattr(params, "kind", "structured"))
    parts = find_parts(model, towers, kind)
    if params.sparsity and not parts.first:
        raise UserError(
            f"{kind}: no first layer of an MLP is found in the {towers} tower to choose single weights of;"
            " write sparsity: 0 to do without"
        )
    chosen = [choose(layer, params, scores, kind) for layer in parts.layers]
    masks = masks_of(parts.first, params.sparsity, scores)
    return add_terms(model, parts, chosen, masks, params, params.rank, kind, generator)


def add_terms(
    model: CLIP, parts: Parts, chosen: Sequence[Tensor], masks: Mapping[str, Tensor], params: TermParameters,
    rank: int, kind: str, generator: torch.Generator,
) -> Masks:  # fmt: skip
    """Put a term of this `rank` on the `chosen` groups of each layer, and let it, masked weights and biases
    train.

    Everything else is frozen. UserError where the rank exceeds the width of a projection.
    """
    targets = [target for layer in parts.layers for target in layer.targets]
    rows = [
        layer.rows(t, own) for layer, own in zip(parts.layers, chosen, strict=True) for t in layer.targets
    ]
    if params.projection:
        targets += parts.projections
        rows += [torch.arange(len(weight_of(target))) for target in parts.projections]
    own_ranks = ranks(targets, rank, kind)
    freeze(model)
    named = dict(model.named_parameters())
    for name in [*masks, *(parts.biases if params.biases else [])]:
        named[name].requires_grad_(True)
    for target, where, own_rank in zip(targets, rows, own_ranks, strict=True):
        weight = weight_of(target)
        term = RowLowRank(weight, where.to(weight.device), own_rank, params.scale, target.blocks, generator)
        parametrize.register_parametrization(target.module, target.tensor, term)
        # a parametrization registers the weight anew, which must not train
        getattr(target.module.parametrizations, target.tensor).original.requires_grad_(False)
    return Masks({name: (named[name], mask) for name, mask in masks.items()})


def choose(layer: Layer, params: StructuredParameters, scores: Scores, kind: str) -> Tensor:
    """Return the heads or channels of a layer with the highest scores, ascending int64."""
    count = _count(layer, params)
    if count > layer.groups:
        raise UserError(
            f"{kind}: heads is {count}, but {layer.targets[0].attention} has {layer.groups};"
            f" write 1 to {layer.groups}"
        )
    totals = torch.zeros(layer.groups, dtype=torch.float64)
    for target in layer.targets:
        squares = scores(target).detach().cpu().double().square().flatten(1).sum(dim=1)
        totals.index_add_(0, layer.row_groups(target), squares)
    return totals.argsort(descending=True, stable=True)[:count].sort().values


def masks_of(targets: Sequence[Target], sparsity: float, scores: Scores) -> dict[str, Tensor]:
    """Return, by the name of each weight, where it trains: bool, the share `sparsity` of the highest
    |scores|."""
    masks = {}
    for target in targets:
        weight = weight_of(target)
        budget = int(sparsity * weight.numel())
        if budget:
            order = scores(target).detach().abs().flatten().argsort(descending=True, stable=True)
            mask = torch.zeros(weight.numel(), dtype=torch.bool, device=weight.device)
            mask[order[:budget].to(weight.device)] = True
            masks[name_of(target)] = mask.view_as(weight)
    return masks


def size(model: CLIP, parts: Parts, params: StructuredParameters) -> int:
    """Return how many parameters an update of these `params` trains, from its sizes alone."""
    counts = [_count(layer, params) for layer in parts.layers]
    masked = sum(int(params.sparsity * weight_of(target).numel()) for target in parts.first)
    return masked + terms_size(model, parts, counts, params, params.rank)


def terms_size(model: CLIP, parts: Parts, counts: Sequence[int], params: TermParameters, rank: int) -> int:
    """Return how many parameters terms on so many groups of each layer have, with the biases that train."""
    total = 0
    for layer, count in zip(parts.layers, counts, strict=True):
        for target in layer.targets:
            rows, columns = weight_of(target).shape[:2]
            own = min(rank, target.width)
            total += own * (target.blocks * columns + count * rows // layer.groups)
    if params.projection:
        total += sum(min(rank, target.width) * sum(weight_of(target).shape) for target in parts.projections)
    if params.biases:
        named = dict(model.named_parameters())
        total += sum(named[name].numel() for name in parts.biases)
    return total


def _count(layer: Layer, params: StructuredParameters) -> int:
    return max(1, int(params.channels * layer.groups)) if layer.convolution else params.heads
