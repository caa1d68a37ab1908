"""Checkpoints: one safetensors file an epoch, complete or absent, with its story as JSON in the header.

They lie in a folder of their own, outside a job's declared outputs. The last two are kept, so that a
damaged newest one costs an epoch and not the run.
"""

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import tqdm

from crossmodal.errors import UserError
from crossmodal.training.history import Epoch, History

_KEPT = 2
_HEADER = "crossmodal"
_GROUPS = ("model", "best", "optimiser", "precision")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a run after an epoch. Random draws derive from seed and epoch and need no state."""

    model: dict[str, Tensor]
    best: dict[str, Tensor]
    optimiser: dict[str, Tensor]
    history: History
    precision: dict[str, Tensor] = field(default_factory=dict)
    """What mixed precision remembers (`Precision.state`)."""


def model_state(model: nn.Module) -> dict[str, Tensor]:
    """Return what training changes, by name: trained parameters and stored buffers (running statistics)."""
    parameters = dict(model.named_parameters())
    state = {name: p.detach() for name, p in parameters.items() if p.requires_grad}
    stored = model.state_dict()
    state.update({name: b for name, b in model.named_buffers() if name in stored})
    return state


@torch.no_grad()
def set_model_state(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Copy `state` into `model`; the names must be those of `model_state`."""
    own = model_state(model)
    if own.keys() != state.keys():
        raise KeyError(", ".join(sorted(own.keys() ^ state.keys())[:3]))
    for name, tensor in own.items():
        tensor.copy_(state[name])


def optimiser_state(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the optimiser's tensors, named "<parameter's number>/<quantity>"."""
    states = optimiser.state_dict()["state"]
    return {f"{i}/{name}": tensor for i, state in states.items() for name, tensor in state.items()}


def set_optimiser_state(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put the tensors of `optimiser_state` into `optimiser`.

    They lie in memory as their parameters do: AdamW's fused step goes through both side by side without a look at
    strides, and those of convolutions are not the ones that files have.
    """
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    states: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        number, name = key.split("/")
        parameter = parameters[int(number)]
        if tensor.shape == parameter.shape:
            tensor = torch.empty_like(parameter, dtype=tensor.dtype, requires_grad=False).copy_(tensor)
        states.setdefault(int(number), {})[name] = tensor
    optimiser.load_state_dict({"state": states, "param_groups": optimiser.state_dict()["param_groups"]})


def fingerprint(tensors: Mapping[str, Tensor]) -> str:
    """Return a digest of names, types, shapes and values: what a run started from."""
    digest = hashlib.blake2b(digest_size=16)
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def save_checkpoint(folder: Path, identity: str, start: str, checkpoint: Checkpoint) -> None:
    """Write `checkpoint` into `folder`, first under a temporary name, and remove all but the last two.

    `identity` names the job, `start` its initial weights and data (see `fingerprint`). Raises UserError where
    the file cannot be written; the checkpoints before it stay.
    """
    folder.mkdir(parents=True, exist_ok=True)
    groups = {name: getattr(checkpoint, name) for name in _GROUPS}
    tensors = {
        f"{group}:{name}": tensor.detach().cpu().contiguous()
        for group, named in groups.items()
        for name, tensor in named.items()
    }
    story = {"identity": identity, "start": start, "history": asdict(checkpoint.history)}
    number = len(checkpoint.history.epochs)
    path = _path(folder, number)
    temporary = path.with_suffix(".tmp")
    try:
        save_file(tensors, temporary, {_HEADER: json.dumps(story)})
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except (SafetensorError, OSError) as error:
        temporary.unlink(missing_ok=True)  # half a file would only fill a full disk
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"{path}: the checkpoint cannot be written ({reason}); mend that and run again: training goes on"
            " from the checkpoint before it"
        ) from None
    for old in _found(folder)[_KEPT:]:
        old.unlink()


def load_checkpoint(folder: Path, identity: str, start: str, quiet: bool = False) -> Checkpoint | None:
    """Return the newest whole checkpoint in `folder`, or None where training starts anew.

    A file that is damaged, or of this job but from other weights or data, is passed over with one line on
    standard error, if not `quiet`. Raises UserError where a file belongs to another job.
    """
    say = (lambda _line: None) if quiet else (lambda line: tqdm.write(line, file=sys.stderr))
    for path in _found(folder):
        try:
            with safe_open(path, framework="pt") as file:
                story: dict[str, Any] = json.loads((file.metadata() or {})[_HEADER])
                if story["identity"] != identity:
                    raise UserError(
                        f"{path}: checkpoint of another job ({story['identity']}, this one is {identity});"
                        " give each job its own folder or remove this one"
                    )
                if story["start"] != start:
                    say(f"{path}: started from other weights or data, not used")
                    continue
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
        except (SafetensorError, OSError, KeyError, ValueError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            say(f"{path}: damaged ({reason}), not used")
            continue
        groups: dict[str, dict[str, Tensor]] = {name: {} for name in _GROUPS}
        for key, tensor in tensors.items():
            group, name = key.split(":", 1)
            groups[group][name] = tensor
        return Checkpoint(**groups, history=_history(story["history"]))
    return None


def _history(values: dict[str, Any]) -> History:
    """Return the history that `asdict` made `values` of."""
    epochs, start = [Epoch(**epoch) for epoch in values["epochs"]], values["start"]
    return History(**values | {"epochs": epochs, "start": Epoch(**start) if start else None})


def discard_checkpoints(folder: Path) -> None:
    """Remove the checkpoints in `folder`, and the folder if nothing else is in it."""
    for path in [*_found(folder), *folder.glob("epoch-*.tmp")]:
        path.unlink()
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _path(folder: Path, number: int) -> Path:
    return folder / f"epoch-{number:05d}.safetensors"


def _found(folder: Path) -> list[Path]:
    """Return the checkpoints in `folder`, the newest first."""
    return sorted(folder.glob("epoch-*.safetensors"), reverse=True)
