"""The weights of one tower of a saved model, its adapter folded in. Free of torch, whose import takes seconds.

A query needs one tower, as arrays. A safetensors file is read tensor by tensor, so the other tower costs nothing,
and the methods of adaptation that only change weights can be folded into them by name.
"""

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from crossmodal.errors import UserError

Tensors = dict[str, npt.NDArray[Any]]

BY_NAME = ("zero_shot", "full", "linear", "bitfit")
"""Methods of which the adapter's tensors are values of the model's own, by their names there."""
LOW_RANK = "lora"
PREFIX = "base_model.model."
"""What Hugging Face peft writes before a module's path."""


@dataclass(frozen=True)
class ModelFiles:
    """Where a saved model lies: open_clip's folder layout, with an adapter in peft's layout or without."""

    folder: Path
    adapter: Path | None = None

    @property
    def config(self) -> Path:
        """open_clip's configuration of the architecture."""
        return self.folder / "open_clip_config.json"

    @property
    def weights(self) -> Path:
        """The base model's weights."""
        return self.folder / "open_clip_model.safetensors"

    @property
    def adapter_config(self) -> Path | None:
        """The method of adaptation and its parameters."""
        return self.adapter / "adapter_config.json" if self.adapter else None

    @property
    def adapter_weights(self) -> Path | None:
        """What the method trained."""
        return self.adapter / "adapter_model.safetensors" if self.adapter else None


def foldable(files: ModelFiles) -> bool:
    """Return whether the adapter of `files` is one that `tower_tensors` can fold in (or there is none)."""
    if files.adapter_config is None:
        return True
    method = read_object(files.adapter_config).get("crossmodal", {})
    return isinstance(method, dict) and method.get("kind") in (*BY_NAME, LOW_RANK)


def tower_tensors(files: ModelFiles, prefix: str) -> Tensors | None:
    """Return the weights whose names begin with `prefix` ("text." or "visual."), those of the adapted model.

    The names are the whole model's. None where the adapter cannot be folded in by name (see `foldable`, and a
    term on a weight that is no module's own). Raises UserError for a file that is missing, broken or of
    another model.
    """
    with _opened(files.weights) as file:
        tensors: Tensors = {n: file.get_tensor(n) for n in file.keys() if n.startswith(prefix)}  # noqa: SIM118
    if files.adapter_config is None or files.adapter_weights is None:
        return tensors
    if not foldable(files):
        return None
    method = read_object(files.adapter_config)["crossmodal"]
    with _opened(files.adapter_weights) as file:
        changes: Tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if method["kind"] != LOW_RANK:
        own = {name: change for name, change in changes.items() if name.startswith(prefix)}
        return tensors | _fitting(own, tensors, files.adapter_weights)
    return _with_terms(tensors, changes, prefix, _scale(method), files.adapter_weights)


def _fitting(changes: Tensors, tensors: Tensors, source: Path) -> Tensors:
    for name, change in changes.items():
        if name not in tensors or tensors[name].shape != change.shape:
            raise UserError(f"{source}: is the adapter of another model ({name} does not fit)")
    return changes


def _scale(method: Mapping[str, Any]) -> float:
    rank = float(method["rank"])
    return float(method["alpha"]) / (rank if method["scaling"] == "alpha/r" else math.sqrt(rank))


def _with_terms(
    tensors: Tensors, factors: Tensors, prefix: str, scale: float, source: Path
) -> Tensors | None:
    """Return the weights W + scale · B A; None where a pair of factors belongs to no weight of a module's own."""
    merged = dict(tensors)
    for name, down in factors.items():
        path = name.removeprefix(PREFIX).removesuffix(".lora_A.weight")
        if not name.endswith(".lora_A.weight") or not path.startswith(prefix):
            continue
        weight, up = tensors.get(f"{path}.weight"), factors.get(f"{PREFIX}{path}.lora_B.weight")
        if weight is None or up is None:
            return None  # torch's attention holds its projections otherwise: the whole model knows how
        rows, rank = up.shape[:2]
        if down.shape[0] != rank or weight.size != rows * down[0].size:
            raise UserError(f"{source}: is the adapter of another model ({path} does not fit)")
        term = up.reshape(rows, rank) @ down.reshape(rank, -1)
        merged[f"{path}.weight"] = weight + np.float32(scale) * term.reshape(weight.shape)
    return merged


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="np") as file:
            yield file
    except FileNotFoundError:
        raise UserError(f"{path}: no such weights file") from None
    except (SafetensorError, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{path}: not a readable safetensors file ({reason})") from None


def read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object at `path`; UserError where there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (OSError, ValueError, RecursionError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{path}: not a readable JSON file ({reason})") from None
    if not isinstance(found, dict):
        raise UserError(f"{path}: holds a {type(found).__name__}, not a JSON object")
    return found
