"""Parameters of a base model with weights from a hub."""

import ast
import json
from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import model_validator

from crossmodal.data.hub_pins import HubFile, HubWeights
from crossmodal.models.base import ModelParameters
from crossmodal.parameters import nearest


@cache
def _architectures() -> dict[str, Path]:
    """Return the configurations that open_clip brings, found without importing it (that takes seconds)."""
    package = find_spec("open_clip")
    folders = (package.submodule_search_locations if package else None) or []
    return {path.stem: path for folder in folders for path in Path(folder, "model_configs").glob("*.json")}


@cache
def _weights() -> dict[str, tuple[str, ...]]:
    """Return the tags of weights by architecture, read from open_clip's source; none if it is written otherwise.

    It names them in dictionaries, `_RN50 = dict(openai=...)`, and those in one, `_PRETRAINED = {"RN50": _RN50}`.
    """
    package = find_spec("open_clip")
    folders = (package.submodule_search_locations if package else None) or []
    sources = [path for folder in folders if (path := Path(folder, "pretrained.py")).is_file()]
    assigned = {
        node.targets[0].id: node.value
        for path in sources
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    named = _entries(assigned.get("_PRETRAINED"))
    return {
        architecture: tuple(_entries(assigned.get(value.id) if isinstance(value, ast.Name) else value))
        for architecture, value in named.items()
    }


def _entries(node: ast.expr | None) -> dict[str, ast.expr]:
    """Return the items of a dictionary that is written with braces or as a call of `dict`."""
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {str(key.value): value for key, value in pairs if isinstance(key, ast.Constant)}
    if isinstance(node, ast.Call):
        return {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
    return {}


class Params(ModelParameters):
    """A base model with published weights, named as open_clip names them."""

    kind: Literal["hub"]
    """Published weights from a hub."""
    architecture: str
    """A model configuration of open_clip, for example "ViT-B-32-quickgelu"."""
    pretrained: str
    """The tag of the weights, for example "openai" or "laion2b_s34b_b79k"."""
    weights: HubWeights | None = None
    """Their file, pinned, which a job fetches; null takes what the hub has when the model is made."""

    @model_validator(mode="after")
    def _known_and_fitting(self) -> Self:
        known = _architectures()
        if self.architecture not in known:
            close = get_close_matches(self.architecture, known, n=1, cutoff=0.0)[0]
            raise ValueError(f"open_clip has no architecture {self.architecture!r}; nearest {close!r}")
        config = self.model_cfg()
        if self.pretrained == "openai" and not config.get("quick_gelu", False):
            # open_clip only warns, and the model then loses accuracy without a word.
            right = f"{self.architecture}-quickgelu"
            hint = f"; write architecture: {right}" if right in known else ""
            raise ValueError(
                f"openai weights were trained with QuickGELU, {self.architecture} has GELU{hint}"
            )
        stem = self.architecture.removesuffix("-quickgelu")
        tags = _weights().get(self.architecture) or _weights().get(stem, ())
        if tags and self.pretrained not in tags:
            raise ValueError(f"pretrained: {nearest(self.pretrained, tags, f'tag of {self.architecture}')}")
        return self

    def model_cfg(self) -> dict[str, Any]:
        """Return the architecture in open_clip's words."""
        config: dict[str, Any] = json.loads(_architectures()[self.architecture].read_text(encoding="utf-8"))
        return config

    def packages(self) -> tuple[HubFile, ...]:
        return (self.weights.pinned(),) if self.weights else ()

    def sources(self, packages: str, towers: str) -> list[str]:
        return [f"{packages}/{file.file_name}" for file in self.packages()]

    def trainable(self, data: bool, training: bool) -> str | None:
        """Return what is wrong with the data and the training that it is given, if anything."""
        if data or training:
            return "weights from a hub are taken as they are: leave datasets and training out"
        return None
