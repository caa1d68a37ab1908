"""LoRA factors in the file layout of Hugging Face peft, so that peft opens what we save.

peft adapts an nn.MultiheadAttention as a whole: one pair of factors for the fused in_proj and one of the same
rank for out_proj. Separate query, key and value terms of rank r are the fused term of rank 3r with

    A = [A_q; A_k; A_v]   (3r × d),     B = diag(B_q, B_k, B_v)   (3d × 3r),

out_proj's term of rank r is padded with zeros to 3r, and is all zero where out_proj is not adapted. The scale
is kept: 3α/3r = α/r, and √3 α/√(3r) = α/√r. Zeros make the file three times as large as the factors.

Two limits on peft's side. It adds the term of an attention module's out_proj twice (0.21.2, pull request 3774
of huggingface/peft), so only adapters of query, key and value give the same embeddings there until that is
mended; the tensors are right, and doubling is not made good here. And it wraps nn.MultiheadAttention only: an
adapter of open_clip's own attention module has the same names but opens in this program alone.
"""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from crossmodal.adaptation.low_rank import LowRank
from crossmodal.adaptation.trainable import check_fit
from crossmodal.errors import UserError

PREFIX = "base_model.model."
BLOCKS = 3  # query, key, value

Adapted = Iterable[tuple[str, str, LowRank]]


def config(
    rank: int, alpha: float, rank_stabilised: bool, attention: list[str], linear: list[str]
) -> dict[str, Any]:
    """Return peft's LoRA configuration for the `attention` modules and `linear` layers with these paths."""
    fused_alpha = alpha * (math.sqrt(BLOCKS) if rank_stabilised else BLOCKS)
    names = sorted({path.rpartition(".")[2] for path in attention})
    return {
        "peft_type": "LORA",
        "task_type": None,
        "base_model_name_or_path": None,
        "inference_mode": True,
        "r": rank,
        "lora_alpha": alpha,
        "rank_pattern": dict.fromkeys(names, BLOCKS * rank),
        "alpha_pattern": dict.fromkeys(names, fused_alpha),
        "use_rslora": rank_stabilised,
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": False,
        "target_modules": _pattern([*attention, *linear]),
    }


def _pattern(paths: list[str]) -> str:
    """Return a regular expression for all of `paths`, numbers of layers left open.

    A list of names will not do: peft matches the ends of names, and those of the text tower end the image
    tower's too.
    """
    return "|".join(sorted({re.sub(r"\\\.\d+(?=\\\.)", r"\\.\\d+", re.escape(path)) for path in paths}))


def pack(terms: Adapted) -> dict[str, Tensor]:
    """Return the factors of `terms` as copies on the CPU under peft's names and in peft's shapes."""
    tensors: dict[str, Tensor] = {}
    for path, name, term in terms:
        down, up = term.lora_A.detach().cpu(), term.lora_B.detach().cpu()
        if name == "in_proj_weight":
            up = torch.block_diag(*up.chunk(BLOCKS))
            out, width = _keys(f"{path}.base_layer.out_proj"), down.shape[1]
            tensors.setdefault(out[0], down.new_zeros(BLOCKS * term.rank, width))
            tensors.setdefault(out[1], down.new_zeros(width, BLOCKS * term.rank))
        elif path.endswith(".out_proj"):
            path = _wrapped(path)
            down = torch.cat([down, down.new_zeros((BLOCKS - 1) * term.rank, down.shape[1])])
            up = torch.cat([up, up.new_zeros(up.shape[0], (BLOCKS - 1) * term.rank)], dim=1)
        for key, factor in zip(_keys(path), (down, up), strict=True):
            tensors[key] = factor.clone(memory_format=torch.contiguous_format)
    return tensors


@torch.no_grad()
def unpack(terms: Adapted, tensors: Mapping[str, Tensor]) -> None:
    """Copy `tensors`, as `pack` returned them, into the factors of `terms`.

    Raises UserError where names, shapes or the pattern of zeros are not those of `terms`.
    """
    terms = list(terms)
    check_fit({key: tensor.shape for key, tensor in pack(terms).items()}, tensors)
    for path, name, term in terms:
        down_key, up_key = _keys(_wrapped(path) if path.endswith(".out_proj") else path)
        down, up, rank = tensors[down_key], tensors[up_key], term.rank
        if name == "in_proj_weight":
            rows = up.shape[0] // BLOCKS
            up = torch.cat([up[i * rows :][:rows, i * rank :][:, :rank] for i in range(BLOCKS)])
        elif path.endswith(".out_proj"):
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


def _wrapped(path: str) -> str:
    """Return the path that out_proj has once peft has wrapped its attention module."""
    return path.removesuffix("out_proj") + "base_layer.out_proj"
