"""LoRA factors in the file layout of Hugging Face peft, so that peft opens what we save.

A linear layer or 1×1 convolution has one pair of factors, as here. peft adapts an nn.MultiheadAttention as a
whole: one pair of factors for the fused in_proj and one of the same rank for out_proj. Separate query, key and
value terms of rank r are the fused term of rank 3r with

    A = [A_q; A_k; A_v]   (3r × d),     B = diag(B_q, B_k, B_v)   (3d × 3r),

and likewise where timm fuses them in a linear layer. out_proj's term of rank r is padded with zeros to 3r, and is
all zero where out_proj is not adapted. The scale is kept: 3α/3r = α/r, and √3 α/√(3r) = α/√r. Zeros make the
file three times as large as the factors. Modules that train as a whole are peft's `modules_to_save`.

Two limits on peft's side. It adds the term of an attention module's out_proj twice (0.21.2, pull request 3774
of huggingface/peft), so only adapters of query, key and value give the same embeddings there until that is
mended; the tensors are right, and doubling is not made good here. And it wraps nn.MultiheadAttention only: an
adapter of open_clip's own attention module has the same names but opens in this program alone.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from crossmodal.adaptation.low_rank import LowRank, adapted
from crossmodal.adaptation.trainable import check_fit
from crossmodal.errors import UserError

PREFIX = "base_model.model."
BLOCKS = 3  # query, key, value

Adapted = Iterable[tuple[str, str, LowRank]]


def config(
    model: nn.Module, rank: int, alpha: float, rank_stabilised: bool, saved: Sequence[str] = ()
) -> dict[str, Any]:
    """Return peft's LoRA configuration for the terms in `model`, of `rank` and `alpha` where nothing else is said.

    `saved` are the paths of modules that train as a whole.
    """
    terms = list(adapted(model))
    ranks: dict[str, int] = {}
    alphas: dict[str, float] = {}
    for path, _, term in terms:
        full = term.blocks * term.rank
        if full != rank:
            key = path.rpartition(".")[2] if term.blocks > 1 else re.escape(path)
            ratio = full / rank
            ranks[key] = full
            alphas[key] = alpha * (math.sqrt(ratio) if rank_stabilised else ratio)
    targets = {path for path, _, _ in terms} - _output_projections(terms).keys()
    return {
        "peft_type": "LORA",
        "task_type": None,
        "base_model_name_or_path": None,
        "inference_mode": True,
        "r": rank,
        "lora_alpha": alpha,
        "rank_pattern": ranks,
        "alpha_pattern": alphas,
        "use_rslora": rank_stabilised,
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": False,
        "target_modules": _pattern(targets, model),
        **({"modules_to_save": list(saved)} if saved else {}),
    }


def _pattern(paths: set[str], model: nn.Module) -> str:
    """Return a regular expression for exactly `paths` among the modules of `model`.

    Numbers of layers are left open where nothing else has the same names. A list of names will not do: peft
    matches the ends of names, and those of the text tower end the image tower's too.
    """
    exact = {re.escape(path) for path in paths}
    short = "|".join(sorted({re.sub(r"\\\.\d+(?=\\\.)", r"\\.\\d+", path) for path in exact}))
    matched = {path for path, _ in model.named_modules() if re.fullmatch(short, path)}
    return short if matched == paths else "|".join(sorted(exact))


def pack(terms: Adapted) -> dict[str, Tensor]:
    """Return the factors of `terms` as copies on the CPU under peft's names and in peft's shapes."""
    tensors: dict[str, Tensor] = {}
    terms = list(terms)
    wrapped = _output_projections(terms)
    for path, name, term in terms:
        down, up = term.lora_A.detach().cpu(), term.lora_B.detach().cpu()
        if term.blocks > 1:
            up = torch.block_diag(*up.chunk(term.blocks))
        if name == "in_proj_weight":
            out, width = _keys(f"{path}.base_layer.out_proj"), down.shape[1]
            tensors.setdefault(out[0], down.new_zeros(BLOCKS * term.rank, width))
            tensors.setdefault(out[1], down.new_zeros(width, BLOCKS * term.rank))
        elif path in wrapped:
            down = torch.cat([down, down.new_zeros((BLOCKS - 1) * term.rank, down.shape[1])])
            up = torch.cat([up, up.new_zeros(up.shape[0], (BLOCKS - 1) * term.rank)], dim=1)
        for key, factor in zip(_keys(wrapped.get(path, path)), (down, up), strict=True):
            shape = factor.shape + (1,) * (term.dimensions - 2)
            tensors[key] = factor.reshape(shape).clone(memory_format=torch.contiguous_format)
    return tensors


@torch.no_grad()
def unpack(terms: Adapted, tensors: Mapping[str, Tensor]) -> None:
    """Copy `tensors`, as `pack` returned them, into the factors of `terms`.

    Raises UserError where names, shapes or the pattern of zeros are not those of `terms`.
    """
    terms = list(terms)
    wrapped = _output_projections(terms)
    check_fit({key: tensor.shape for key, tensor in pack(terms).items()}, tensors)
    for path, _, term in terms:
        down_key, up_key = _keys(wrapped.get(path, path))
        down, up, rank = tensors[down_key].flatten(1), tensors[up_key].flatten(1), term.rank
        if term.blocks > 1:
            rows = up.shape[0] // term.blocks
            up = torch.cat([up[i * rows :][:rows, i * rank :][:, :rank] for i in range(term.blocks)])
        elif path in wrapped:
            down, up = down[:rank], up[:, :rank]
        term.lora_A.copy_(down)
        term.lora_B.copy_(up)
    for key, tensor in pack(terms).items():
        if not torch.equal(tensor, tensors[key].cpu()):
            raise UserError(
                f"the saved adapter has values in {key} that separate q, k, v factors cannot hold"
            )


def _keys(path: str) -> tuple[str, str]:
    return f"{PREFIX}{path}.lora_A.weight", f"{PREFIX}{path}.lora_B.weight"


def _output_projections(terms: Adapted) -> dict[str, str]:
    """Return, for each out_proj that peft wraps with its attention module, the path that it has then."""
    attention = [path for path, name, _ in terms if name == "in_proj_weight"]
    return {f"{path}.out_proj": f"{path}.base_layer.out_proj" for path in attention}
