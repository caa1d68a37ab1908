"""AdaLoRA (Zhang et al. 2023): low-rank terms P Λ Q whose ranks a budget over the whole model shares out.

The same weights as LoRA's are adapted (see `targets`), query, key and value each by a term of their own.
After each step of the optimiser every triplet of the model is scored, and beyond the budget the lowest ones
have λ set to zero; they keep P and Q and may come back while the budget falls. In the last phase the
allocation is fixed. Scores are taken as in the authors' code, from the factors after the step and the
gradients that made it, the penalty's and the clipping's part included. There is no further factor on the
term: Λ is learnt. It starts at zero, and P and Q orthonormal, where the paper draws them from a normal
distribution: so the penalty is zero at the start and no epoch is lost to it. All P, Λ and Q of the initial
ranks train and are counted; how many triplets are in use at the end is the budget.

The budget is met when its last phase begins; the weights of an epoch before that are not taken as the result.

The saved file holds P, Λ and Q under the names that they have in the model, which peft does not read: its
AdaLora adapts single nn.Linear layers, one triplet of factors each, and knows neither nn.MultiheadAttention,
whose in_proj is three projections in one bare parameter, nor convolutions; and it divides the term by the
rank that is left. What peft can open is the merged model.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from crossmodal.adaptation.adalora_params import Params
from crossmodal.adaptation.hooks import Hooks
from crossmodal.adaptation.low_rank import ranks, remove, terms
from crossmodal.adaptation.rank_budget import Schedule, Triplets, allocate, prune
from crossmodal.adaptation.targets import find_targets
from crossmodal.adaptation.trainable import freeze, release
from crossmodal.models.architecture import CLIP


def attach(model: CLIP, params: Params, generator: torch.Generator) -> None:
    """Add the terms to `model`, the only parameters that train; its output is unchanged.

    P and Q are drawn from `generator`. Raises UserError where the initial rank exceeds the width of a projection
    (a convolution that is narrower starts with its full width) or where a tower has nothing to adapt.
    """
    targets = find_targets(model, params.placement, params.towers, params.kind)
    chosen = ranks(targets, params.initial_rank, params.kind)
    freeze(model)
    for target, rank in zip(targets, chosen, strict=True):
        term = Triplets(getattr(target.module, target.tensor), rank, target.blocks, generator)
        parametrize.register_parametrization(target.module, target.tensor, term)


def triplets(model: nn.Module) -> list[Triplets]:
    """Return the terms of `model`, in its order."""
    return [term for _, _, term in terms(model, Triplets)]


def hooks(params: Params) -> Hooks:
    """Return the penalty that keeps P and Q orthogonal, and the allocation after each step."""

    def penalty(model: nn.Module) -> Tensor:
        total = torch.stack([term.penalty() for term in triplets(model)]).sum()
        return params.orthogonality * total

    def after_step(model: nn.Module, step: int, steps: int) -> None:
        found = triplets(model)
        for term in found:
            term.observe(params.beta_sensitivity, params.beta_uncertainty)
        initial = sum(term.mask.numel() for term in found)
        target = min(initial, round(params.target_rank * sum(len(term.mask) for term in found)))
        schedule = Schedule(steps, initial, target, params.warm_up, params.final)
        now = schedule.budget(step + 1)
        # A step that mixed precision skips is not seen here; the next one then makes up for it.
        if schedule.allocates(step + 1) or sum(int(term.mask.sum()) for term in found) > now:
            allocate(found, now)
        prune(found)

    def selectable(step: int, steps: int) -> bool:
        return step >= Schedule(steps, 0, 0, params.warm_up, params.final).end

    return Hooks(penalty if params.orthogonality > 0 else None, after_step, selectable)


def merge(model: CLIP) -> None:
    """Fold the terms into the base weights in place: the same function, the base model's keys."""
    remove(model, Triplets)
    release(model)
