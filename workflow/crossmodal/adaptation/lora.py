"""LoRA (Hu et al. 2021): W x + s B A x with s = α/r or α/√r, on the attention and MLP weights of both towers.

The term is a `torch.nn.utils.parametrize` parametrization of the weight and not one of loralib's layers, for
two reasons that tests pin. loralib adds the term into the base weight on `eval()` unless told not to, and an
attack or a validation pass in eval() would then train nothing. And nn.MultiheadAttention holds
`in_proj_weight` as a bare parameter and calls its projections functionally: a layer put in the place of
`out_proj` is silently without effect. A parametrization changes what every reader of the weight sees, has
gradients in train() and in eval(), leaves the base weight bit for bit alone, and goes away on merging.

For query, key and value it equals `loralib.MergedLinear` with the same factors. The scale of the logits stays
frozen. The saved tensors have the names and shapes of Hugging Face peft (see `peft_layout`).
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
from crossmodal.adaptation.low_rank import LowRank, adapted, find_targets, remove
from crossmodal.errors import UserError
from crossmodal.models.architecture import CLIP


def attach(model: CLIP, params: Params, generator: torch.Generator) -> None:
    """Add the low-rank terms to `model`, the only parameters that train; its output is unchanged.

    A is drawn from `generator`. Raises UserError where the rank exceeds the width of a projection.
    """
    targets = find_targets(model, params.placement, params.towers)
    scale = params.alpha / (params.rank if params.scaling == "alpha/r" else math.sqrt(params.rank))
    for path, module, tensor, blocks in targets:
        rows, columns = getattr(module, tensor).shape
        width = min(rows // blocks, columns)
        if params.rank > width:
            raise UserError(
                f"lora: rank {params.rank} exceeds the width {width} of {path}; a rank is 1 to {width}"
            )
    for _, module, tensor, blocks in targets:
        term = LowRank(getattr(module, tensor), params.rank, scale, blocks, generator)
        parametrize.register_parametrization(module, tensor, term)
    loralib.mark_only_lora_as_trainable(model)


def merge(model: CLIP) -> None:
    """Fold the low-rank terms into the base weights in place: the same function, the base model's keys."""
    remove(model)


def state(model: CLIP) -> dict[str, Tensor]:
    """Return copies of the factors, on the CPU, in the layout of Hugging Face peft."""
    return peft_layout.pack(adapted(model))


def restore(model: CLIP, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `state` returned, exactly; UserError where it is of another model, rank or placement."""
    peft_layout.unpack(adapted(model), tensors)


def peft_config(model: CLIP, params: Params) -> dict[str, Any]:
    """Return the `adapter_config.json` with which peft reads the tensors of `state`."""
    attention = [path for path, tensor, _ in adapted(model) if tensor == "in_proj_weight"]
    linear = [path for path, _, _ in adapted(model) if path.endswith(("mlp.c_fc", "mlp.c_proj"))]
    return peft_layout.config(
        rank=params.rank, alpha=params.alpha, rank_stabilised=params.scaling == "alpha/sqrt(r)",
        attention=attention, linear=linear,
    )  # fmt: skip
