"""What every method of adaptation can do: attach, save, load, merge, count.

A method is a module with `attach(model, params, generator)`. What else it may have:
- `MERGES = False` where it cannot be folded into the base weights; `merge(model)` where that takes more than to
  let the base model's statistics move again;
- `state(model)` and `restore(model, tensors)` where what is saved is not simply the parameters that train;
- `hooks(params)`, what it asks of the training loop; `peft_config(model, params)`, what peft needs.

An adapter is two files in Hugging Face peft's layout, `adapter_config.json` and `adapter_model.safetensors`.
The configuration carries the method's parameters under the key "crossmodal", which peft ignores; for methods
that peft does not know it holds nothing else.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

import torch
from pydantic import ValidationError
from safetensors.torch import save_file
from torch import Tensor

from crossmodal import registry
from crossmodal.adaptation.hooks import Hooks
from crossmodal.adaptation.trainable import release, restore_tensors, tower_of, trainable_tensors
from crossmodal.errors import UserError
from crossmodal.models import clip, dual_encoder
from crossmodal.models.architecture import CLIP

PACKAGE = "adaptation"


class Counts(TypedDict):
    """Numbers of parameters. `total` is the base model's, without what the method adds."""

    trainable: int
    total: int
    share: float
    """`trainable` / `total`, a fraction."""
    trainable_image: int
    total_image: int
    trainable_text: int
    total_text: int
    total_token_embeddings: int
    """How many of `total` are the table of token embeddings."""


def attach(model: CLIP, params: Any, seed: int) -> None:
    """Prepare `model` in place for training by the method of `params`; random factors follow from `seed`.

    Afterwards exactly the method's parameters have requires_grad.
    """
    registry.load(PACKAGE, params.kind).attach(model, params, torch.Generator().manual_seed(seed))


def merges(params: Any) -> bool:
    """Return whether `merge` leaves a plain model with the base model's keys."""
    return bool(getattr(registry.load(PACKAGE, params.kind), "MERGES", True))


def merge(model: CLIP, params: Any) -> None:
    """Fold the adapter of `params` into the weights in place, as far as the method can be folded (`merges`).

    Where it can, the keys are the base model's afterwards; the function that the model computes stays the same.
    """
    method = registry.load(PACKAGE, params.kind)
    if hasattr(method, "merge"):
        method.merge(model)
    elif merges(params):
        release(model)


def hooks(params: Any) -> Hooks:
    """Return what the method of `params` asks of the training loop."""
    method = registry.load(PACKAGE, params.kind)
    found: Hooks = method.hooks(params) if hasattr(method, "hooks") else Hooks()
    return found


def state(model: CLIP, params: Any) -> dict[str, Tensor]:
    """Return copies, on the CPU, of what the method of `params` trained in `model`, by its saved name."""
    found: dict[str, Tensor] = getattr(registry.load(PACKAGE, params.kind), "state", trainable_tensors)(model)
    return found


def restore(model: CLIP, params: Any, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `state` returned; UserError where it is of another model or method."""
    getattr(registry.load(PACKAGE, params.kind), "restore", restore_tensors)(model, tensors)


def save_adapter(model: CLIP, params: Any, config: Path, weights: Path) -> None:
    """Write what the method of `params` trained in `model`: JSON to `config`, safetensors to `weights`."""
    method = registry.load(PACKAGE, params.kind)
    values = method.peft_config(model, params) if hasattr(method, "peft_config") else {}
    values["crossmodal"] = params.model_dump(mode="json")
    config.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    save_file(state(model, params), weights, metadata={"format": "pt"})


def load_adapter(model: CLIP, config: Path, weights: Path) -> Any:
    """Attach the saved adapter to the bare base `model` in place and return its parameters.

    Raises UserError where a file is missing or broken or belongs to another model.
    """
    try:
        params = registry.parse(PACKAGE, clip.read_config(config)["crossmodal"])
    except (KeyError, ValidationError):
        raise UserError(
            f'{config}: no adapter of this study (the key "crossmodal" names its method)'
        ) from None
    tensors = clip.read_tensors(weights)
    attach(model, params, seed=0)
    try:
        restore(model, params, tensors)
    except UserError as error:
        raise UserError(f"{weights}: {error}") from None
    return params


def parameter_counts(model: CLIP) -> Counts:
    """Return the exact parameter counts of `model`, bare or with an attached adapter.

    The totals come from the architecture alone, built without memory on torch's meta device.
    """
    with torch.device("meta"):
        base = clip.build_clip(model.config)
    total = {"image": 0, "text": 0, "joint": 0}
    for name, parameter in base.named_parameters():
        total[tower_of(name)] += parameter.numel()
    trainable = {"image": 0, "text": 0, "joint": 0}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            trainable[tower_of(name)] += parameter.numel()
    everything, trained = sum(total.values()), sum(trainable.values())
    return Counts(
        trainable=trained,
        total=everything,
        share=trained / everything,
        trainable_image=trainable["image"],
        total_image=total["image"],
        trainable_text=trainable["text"],
        total_text=total["text"],
        total_token_embeddings=dual_encoder.token_embedding(base).weight.numel(),
    )
