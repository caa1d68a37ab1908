"""Weights of a student that are its teacher's: of the same name and shape, layers taken at even distances."""

import torch
from torch import Tensor, nn

from crossmodal.models.student_architecture import even_layers


@torch.no_grad()
def inherit(student: nn.Module, teacher: nn.Module, without: tuple[str, ...] = ()) -> list[str]:
    """Copy what `student` can inherit from `teacher`, and return the names of those of its tensors, in order.

    A tensor whose shape differs keeps the values that it has, and so do those whose names start with one of
    `without`: a tower of another architecture may have tensors of equal name and shape that do other work.
    """
    own, theirs = student.state_dict(), teacher.state_dict()
    inherited = []
    for name, source in sources(student, teacher).items():
        if name.startswith(without) or own[name].shape != theirs[source].shape:
            continue
        own[name].copy_(theirs[source])
        inherited.append(name)
    return inherited


def sources(student: nn.Module, teacher: nn.Module) -> dict[str, str]:
    """Return for each tensor of `student` that `teacher` has one for that one's name, whatever their shapes.

    In a stack of equal layers that is shorter than the teacher's (TinyCLIP, Wu et al. 2023) each layer answers to
    one of those that `even_layers` takes.
    """
    stacks: dict[str, list[int]] = {}
    for path, module in student.named_modules():
        longer = _submodule(teacher, _source(path, stacks))
        if path and _is_shortened(module, longer):
            stacks[path] = even_layers(len(list(longer.children())), len(list(module.children())))
    theirs: dict[str, Tensor] = teacher.state_dict()
    found = {name: _source(name, stacks) for name in student.state_dict()}
    return {name: source for name, source in found.items() if source in theirs}


def _source(name: str, stacks: dict[str, list[int]]) -> str:
    """Return `name` with the number of each layer in `stacks` replaced by that of the teacher's layer."""
    parts: list[str] = []
    path = ""
    for part in name.split("."):
        parts.append(str(stacks[path][int(part)]) if path in stacks else part)
        path = f"{path}.{part}" if path else part
    return ".".join(parts)


def _submodule(module: nn.Module, path: str) -> nn.Module:
    """Return the module at `path`, an empty one where there is none."""
    try:
        return module.get_submodule(path)
    except AttributeError:
        return nn.Module()


def _is_shortened(module: nn.Module, longer: nn.Module) -> bool:
    """Return whether both are stacks, and `longer` is one of more layers."""
    stack = (nn.ModuleList, nn.Sequential)
    return isinstance(module, stack) and isinstance(longer, stack) and 0 < len(module) < len(longer)
