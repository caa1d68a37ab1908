"""LoRA (Hu et al. 2021): W x + s B A x with s = α/r or α/√r, on the projections of both towers.

Which weights these are is found by `targets`: attention and MLPs of open_clip's, timm's and Hugging Face's
transformers; in a convolutional tower each ungrouped 1×1 convolution, where the placement makes no
difference.

The term is a `torch.nn.utils.parametrize` parametrization of the weight and not one of loralib's layers, for
two reasons that tests pin. loralib adds the term into the base weight on `eval()` unless told not to, and an
attack or a validation pass in eval() would then train nothing. And nn.MultiheadAttention holds
`in_proj_weight` as a bare parameter and calls its projections functionally: a layer put in the place of
`out_proj` is silently without effect. A parametrization changes what every reader of the weight sees, has
gradients in train() and in eval(), leaves the base weight bit for bit alone, and goes away on merging.

It equals `loralib.MergedLinear` for query, key and value, `loralib.Linear` for the others and
`loralib.Conv2d` for 1×1 convolutions, with the same factors. The scale of the logits stays frozen, and so do
the running statistics of batch normalisation (see `trainable`). The saved tensors have the names and shapes
of Hugging Face peft (see `peft_layout`).
"""

import math
from collections.abc import Mapping
from typing import Any

import loralib
import torch
from torch import Tensor
from torch.nn.utils import parametrize

from crossmodal.adaptation import peft_layout
from crossmodal.adaptation.lora_params import Params
from crossmodal.adaptation.low_rank import LowRank, adapted, ranks, remove
from crossmodal.adaptation.targets import Target, find_targets
from crossmodal.adaptation.trainable import hold_statistics, release
from crossmodal.models.architecture import CLIP


def attach(model: CLIP, params: Params, generator: torch.Generator) -> None:
    """Add the low-rank terms to `model`, the only parameters that train; its output is unchanged.

    A is drawn from `generator`. Raises UserError where the rank exceeds the width of a projection (a convolution
    that is narrower gets a term of its full width) or where a tower has nothing to adapt.
    """
    add_terms(model, find_targets(model, params.placement, params.towers, "lora"), params, generator)


def add_terms(model: CLIP, targets: list[Target], params: Any, generator: torch.Generator) -> None:
    """Add to each of `targets` in `model` the term that `params` describe and freeze everything else."""
    chosen = ranks(targets, params.rank, params.kind)
    scale = params.alpha / (params.rank if params.scaling == "alpha/r" else math.sqrt(params.rank))
    for target, rank in zip(targets, chosen, strict=True):
        weight = getattr(target.module, target.tensor)
        term = LowRank(weight, rank, scale, target.blocks, generator)
        parametrize.register_parametrization(target.module, target.tensor, term)
    loralib.mark_only_lora_as_trainable(model)
    hold_statistics(model)


def merge(model: CLIP) -> None:
    """Fold the low-rank terms into the base weights in place: the same function, the base model's keys."""
    remove(model)
    release(model)


def state(model: CLIP) -> dict[str, Tensor]:
    """Return copies of the factors, on the CPU, in the layout of Hugging Face peft."""
    return peft_layout.pack(adapted(model))


def restore(model: CLIP, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `state` returned, exactly; UserError where it is of another model, rank or placement."""
    peft_layout.unpack(adapted(model), tensors)


def peft_config(model: CLIP, params: Params) -> dict[str, Any]:
    """Return the `adapter_config.json` with which peft reads the tensors of `state`."""
    return peft_layout.config(model, params.rank, params.alpha, params.scaling == "alpha/sqrt(r)")
