"""What the methods share: which parameters train, to which tower they belong, how they are put back."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from crossmodal.errors import UserError

NORMALISATION = (nn.LayerNorm, nn.GroupNorm, nn.modules.batchnorm._BatchNorm)


def tower_of(name: str) -> str:
    """Return "image" or "text", the tower of the parameter `name`, or "joint" for the scale of the logits.

    open_clip keeps the image tower under `visual` and the parts of the text tower at the top level.
    """
    if name.startswith("visual."):
        return "image"
    return "joint" if name in ("logit_scale", "logit_bias") else "text"


def freeze(model: nn.Module) -> None:
    """Stop every parameter of `model` from training."""
    model.requires_grad_(False)


def trainable_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Return copies of the parameters that train, on the CPU, by their names in the model."""
    trainable = {name: p for name, p in model.named_parameters() if p.requires_grad}
    return {name: p.detach().to("cpu", copy=True).contiguous() for name, p in trainable.items()}


@torch.no_grad()
def restore_tensors(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copy `tensors` into the parameters that train, or raise UserError where the two do not match."""
    trainable = {name: p for name, p in model.named_parameters() if p.requires_grad}
    check_fit({name: p.shape for name, p in trainable.items()}, tensors)
    for name, parameter in trainable.items():
        parameter.copy_(tensors[name])


def check_fit(expected: Mapping[str, torch.Size], tensors: Mapping[str, Tensor]) -> None:
    """Raise UserError with the first difference unless `tensors` has exactly these names and shapes."""
    names = sorted(expected.keys() ^ tensors.keys())
    if names:
        fault = "lacks" if names[0] in expected else "has the unexpected"
        raise UserError(
            f"the saved adapter is of another model or method: it {fault} {names[0]}"
            f" ({len(names)} names differ)"
        )
    for name, shape in expected.items():
        if tensors[name].shape != shape:
            found, wanted = tuple(tensors[name].shape), tuple(shape)
            raise UserError(
                f"the saved adapter is of another model or rank: {name} is {found}, the model has {wanted}"
            )
