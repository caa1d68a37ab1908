"""What the methods share: which parameters train, to which tower they belong, how they are put back.

Batch normalisation is a trap of convolutional towers: in train() it takes the statistics of a batch and moves its
running ones, which are no parameters, so a frozen model would drift away from the base model and from its own
saved adapter, and an attack in eval() would meet another network than the step that follows it. Every method
holds the statistics, full fine-tuning too: they stay the base model's, and parameters are all that is saved.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from crossmodal.errors import UserError

BATCH_NORMALISATION = nn.modules.batchnorm._BatchNorm


def tower_of(name: str) -> str:
    """Return "image" or "text", the tower of the parameter `name`, or "joint" for the scale of the logits.

    open_clip keeps the image tower under `visual`; the text tower is under `text` in its CustomTextCLIP and
    in parts at the top level in its CLIP.
    """
    if name.startswith("visual."):
        return "image"
    return "joint" if name in ("logit_scale", "logit_bias") else "text"


def freeze(model: nn.Module) -> None:
    """Stop every parameter of `model` from training, and hold its running statistics."""
    model.requires_grad_(False)
    hold_statistics(model)


def hold_statistics(model: nn.Module) -> None:
    """Let the batch normalisation of `model` work in train() as in eval(), until `release`."""
    for module in model.modules():
        if isinstance(module, BATCH_NORMALISATION) and not _is_held(module):
            module.register_forward_pre_hook(_use_running_statistics)


def release(model: nn.Module) -> None:
    """Let the batch normalisation of `model` use and move batch statistics in train() again."""
    for module in model.modules():
        if isinstance(module, BATCH_NORMALISATION):
            for key, hook in list(module._forward_pre_hooks.items()):
                if hook is _use_running_statistics:
                    del module._forward_pre_hooks[key]


def _use_running_statistics(module: nn.Module, _args: object) -> None:
    module.training = False


def _is_held(module: nn.Module) -> bool:
    return any(hook is _use_running_statistics for hook in module._forward_pre_hooks.values())


def _trained(model: nn.Module) -> dict[str, nn.Parameter]:
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def trainable_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Return copies, on the CPU, of the parameters of `model` that train, by their names there."""
    return {name: p.detach().to("cpu", copy=True).contiguous() for name, p in _trained(model).items()}


@torch.no_grad()
def restore_tensors(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copy what `trainable_tensors` returned into `model`; UserError where the two do not match."""
    trained = _trained(model)
    check_fit({name: tensor.shape for name, tensor in trained.items()}, tensors)
    for name, tensor in trained.items():
        tensor.copy_(tensors[name])


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
