"""AdamW with the groups, the schedule and the limits of CLIP's training (Radford et al. 2021)."""

import math
from collections.abc import Collection

import torch
from torch import Tensor, nn

from crossmodal.training.settings import TrainingParameters

MAX_LOGIT_SCALE = math.log(100)


def trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters of `model` that are trained, by name."""
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def make_optimiser(
    parameters: dict[str, nn.Parameter], settings: TrainingParameters, tables: Collection[str] = ()
) -> torch.optim.AdamW:
    """Return AdamW on `parameters`; tensors of fewer than two dimensions and the `tables` among them do not decay.

    The former are the biases, norms and scales. Of tables of tokens and positions most rows never get a gradient:
    decay alone would move them, and with them captions with words that training has never seen. One fused pass
    serves all tensors: the token embedding alone has millions of values.
    """
    decayed = [p for name, p in parameters.items() if p.ndim >= 2 and name not in tables]
    others = [p for name, p in parameters.items() if p.ndim < 2 or name in tables]
    groups = [
        {"params": decayed, "weight_decay": settings.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=settings.learning_rate, betas=(0.9, 0.98), eps=1e-6, fused=True,
    )  # fmt: skip


def learning_rate(step: int, steps: int, settings: TrainingParameters) -> float:
    """Return the learning rate of optimiser step `step`, counted from 0, of `steps`."""
    warmup = math.ceil(settings.warmup_share * steps)
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return settings.learning_rate * (1 + math.cos(math.pi * progress)) / 2


@torch.no_grad()
def limit_logit_scale(model: nn.Module) -> None:
    """Hold the model's logit scale at 100 or below, where it is trained."""
    scale = getattr(model, "logit_scale", None)
    if isinstance(scale, Tensor) and scale.requires_grad:
        scale.clamp_(max=MAX_LOGIT_SCALE)
