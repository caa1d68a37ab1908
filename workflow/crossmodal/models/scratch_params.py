"""Parameters of a base model with random weights."""

import json
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, WithJsonSchema

from crossmodal.models.base import ModelParameters

CONFIGS = Path(__file__).parent / "configs"


def _read(value: Any) -> Any:
    """Replace the name of a configuration, or the path of a JSON file, by its content."""
    if not isinstance(value, str):
        return value
    bundled = {path.stem: path for path in CONFIGS.glob("*.json")}
    path = bundled.get(value, Path(value))
    if not path.is_file():
        nearest = get_close_matches(value, bundled, n=1, cutoff=0.0)[0]
        raise ValueError(
            f"no configuration {value!r}: it is a JSON file or one of {sorted(bundled)}, nearest {nearest!r}"
        )
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is not a readable JSON file ({error})") from None


def _check(config: Any) -> Any:
    """Refuse what is not open_clip's hub layout, without building the model."""
    if not isinstance(config, dict):
        raise ValueError("a model configuration is a JSON object with the keys model_cfg and preprocess_cfg")
    for key, parts in (
        ("model_cfg", ("embed_dim", "vision_cfg", "text_cfg")),
        ("preprocess_cfg", ("mean", "std")),
    ):
        section = config.get(key)
        missing = [part for part in parts if not isinstance(section, dict) or part not in section]
        if missing:
            raise ValueError(f"the model configuration lacks {key}.{missing[0]} (open_clip's hub layout)")
    return config


Architecture = Annotated[
    dict[str, Any],
    BeforeValidator(lambda value: _check(_read(value))),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "object"}]}),
]


class Params(ModelParameters):
    """A base model with random weights, to be pretrained in the study."""

    kind: Literal["scratch"]
    """An open_clip architecture with random weights."""
    config: Architecture
    """The architecture: a name under models/configs (vit-tiny-48, vit-nano-32) or the path of a JSON file in
    open_clip's hub layout. It is read at once: the spec holds the content, so an edit of the file is seen."""

    def model_cfg(self) -> dict[str, Any]:
        """Return the architecture in open_clip's words."""
        config: dict[str, Any] = self.config["model_cfg"]
        return config
