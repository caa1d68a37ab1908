"""An open_clip model as the study uses it: one file format, its tokenizer, its sizes.

Every function takes the model first and works for any dual encoder of open_clip: `CLIP`, and `CustomTextCLIP`
with CLIP's own text tower or one of Hugging Face's; image towers of open_clip and of timm. The size of images,
captions and embeddings comes from the model's configuration and is never assumed. What the model computes is
in `dual_encoder`.
"""

import json
from copy import deepcopy
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from crossmodal.errors import UserError
from crossmodal.models.architecture import CLIP, CustomTextCLIP, SimpleTokenizer
from crossmodal.models.strided_pointwise import pick_pixels_first

Config: TypeAlias = dict[str, Any]
"""open_clip's hub layout: {"model_cfg": arguments of CLIP, "preprocess_cfg": {mean, std, ...}}."""

_CONTEXT = 77  # open_clip's default, of CLIP and of the tokenizers for Hugging Face towers


def build_clip(config: Config, source: str = "the configuration") -> CLIP:
    """Return a model of the architecture in `config` with random weights from torch's global generator.

    It is in eval(), fp32, on the current default device; a `CustomTextCLIP` where the configuration has
    `custom_text` or names a Hugging Face text tower (`hf_model_name`), otherwise a `CLIP`. Names of pretrained
    towers give the architecture only: weights come from our own files. The normalisation constants are its
    buffers `pixel_mean` and `pixel_std` (float32 [3, 1, 1], not part of the state dict). Raises UserError
    naming `source` where the configuration does not describe such a model.
    """
    try:
        architecture = deepcopy(config["model_cfg"])
        text, vision = architecture["text_cfg"], architecture["vision_cfg"]
        if "multimodal_cfg" in architecture:
            raise UserError(f"{source}: a model with a text decoder (multimodal_cfg) is not supported")
        custom = architecture.pop("custom_text", False) or bool(text.get("hf_model_name"))
        if text.get("hf_model_name"):
            transformers = hugging_face()
            transformers.check(text["hf_model_name"], text.get("context_length", _CONTEXT), source)
            transformers.enable()
            text["hf_model_pretrained"] = False
        if "timm_model_name" in vision:
            vision["timm_model_pretrained"] = False
        model = CustomTextCLIP(**architecture) if custom else CLIP(**architecture)
        if "timm_model_name" in vision:
            fit_input(model.visual, vision)
        return equip(model.float(), config)
    except KeyError as error:
        raise UserError(f"{source}: not an open_clip configuration (the key {error} is missing)") from None
    except (TypeError, ValueError, AttributeError, AssertionError, RuntimeError) as error:
        raise UserError(f"{source}: not an open_clip configuration ({_first_line(error)})") from None


def hugging_face() -> ModuleType:
    """Return the module for Hugging Face's text towers, whose first import takes seconds.

    By name, so that the job of a model without one neither pays for transformers nor depends on its version.
    Raises UserError where transformers is not installed.
    """
    try:
        return import_module("crossmodal.models.hugging_face")
    except ModuleNotFoundError as error:
        raise UserError(f"text towers of Hugging Face need the package {error.name}: install it") from None


def fit_input(tower: nn.Module, vision: Config) -> None:
    """Give a tower of timm that takes images of one size alone (CoAtNet) a trunk for those of `vision`.

    open_clip hands no size on, so such a tower would be that of timm's own size. Weights are random.
    """
    import timm  # open_clip has: imported before it, it would bring torch's compiler along (see `architecture`)

    trunk: Any = tower.trunk
    known = trunk.pretrained_cfg
    side = int(vision.get("image_size", known["input_size"][-1]))
    if known.get("fixed_input_size") and side != known["input_size"][-1]:
        pool = vision.get("timm_pool", "avg")
        trunk = timm.create_model(vision["timm_model_name"], img_size=side)
        trunk.reset_classifier(0, **({"global_pool": pool} if pool else {}))
        tower.trunk = trunk


def equip(model: CLIP, config: Config) -> CLIP:
    """Add to a bare open_clip `model` what the functions below need: `config` and the pixel constants.

    A convolutional image tower is put into channels-last layout: the same values, in half to two thirds of the
    time on a CPU. Only the order in memory changes: what is saved, loaded and copied stays as it was.
    """
    preprocess = config["preprocess_cfg"]
    model.register_buffer("pixel_mean", torch.tensor(preprocess["mean"]).view(3, 1, 1), persistent=False)
    model.register_buffer("pixel_std", torch.tensor(preprocess["std"]).view(3, 1, 1), persistent=False)
    model.config = deepcopy(config)
    if _is_convolutional(model.visual):
        model.visual.to(memory_format=torch.channels_last)
        pick_pixels_first(model.visual)
    model.eval()
    return model


def _is_convolutional(tower: nn.Module) -> bool:
    """Return whether `tower` has more convolutions of several pixels than a transformer's one, of patches."""
    kernels = [module.kernel_size for module in tower.modules() if isinstance(module, nn.Conv2d)]
    return sum(max(kernel) > 1 for kernel in kernels) > 1


def read_config(path: Path) -> Config:
    """Return the JSON object at `path`, or raise UserError."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such model configuration") from None
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}: not a readable JSON file ({_first_line(error)}); remove it and run again"
        ) from None
    if not isinstance(config, dict):
        raise UserError(f"{path}: a model configuration is a JSON object with the key model_cfg")
    return config


def load_clip(config: Path, weights: Path) -> CLIP:
    """Return the CLIP stored as open_clip's hub layout in `config` (JSON) and `weights` (safetensors).

    It is in eval(), fp32, on the CPU. torch's random state is left as it was. Raises UserError where a
    file is missing or truncated or the two do not belong together.
    """
    with torch.random.fork_rng(devices=[]):
        model = build_clip(read_config(config), str(config))
    try:
        model.load_state_dict(read_tensors(weights), strict=True)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{weights}: does not fit the model in {config.name} ({reason})") from None
    return model


def save_clip(model: CLIP, config: Path, weights: Path) -> None:
    """Write `model` so that `load_clip` reads it, and open_clip too under its own file names.

    open_clip opens the folder as "local-dir:FOLDER" where the files are called open_clip_config.json and
    open_clip_model.safetensors. Adapters must have been merged: the keys are those of the bare model.
    """
    state = model.state_dict()
    with torch.device("meta"):
        bare = build_clip(model.config).state_dict().keys()
    if state.keys() != bare:
        raise ValueError(
            "merge the adapter before the model is saved; one that cannot be merged is saved alone"
        )
    config.write_text(json.dumps(model.config, indent=4) + "\n", encoding="utf-8")
    tensors = {key: value.detach().cpu().contiguous() for key, value in state.items()}
    # Running statistics count their batches in whole numbers.
    save_file({key: t.float() if t.is_floating_point() else t for key, t in tensors.items()}, weights)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of the safetensors file at `path`, or raise UserError."""
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such weights file") from None
    except (SafetensorError, OSError) as error:
        raise UserError(
            f"{path}: not a readable safetensors file ({_first_line(error)}); remove it and run again"
        ) from None
    return tensors


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def image_size(model: CLIP) -> int:
    """Return the side of the square images that the model takes, in pixels."""
    size = model.visual.image_size
    return int(size[0] if isinstance(size, (tuple, list)) else size)


def context_length(model: CLIP) -> int:
    """Return how many tokens a caption has, start, end and padding included."""
    text = model.config["model_cfg"]["text_cfg"]
    # A Hugging Face tower names all positions that it has, not how many the captions use.
    return int(text.get("context_length", _CONTEXT) if text.get("hf_model_name") else model.context_length)


def embedding_size(model: CLIP) -> int:
    """Return the width d of the joint embedding."""
    return int(model.config["model_cfg"]["embed_dim"])


@cache
def _tokenizer(context: int, clean: str) -> SimpleTokenizer:
    return SimpleTokenizer(context_length=context, clean=clean)


@cache
def _hugging_face_tokenizer(name: str, context: int, mode: str | None, options: str) -> Any:
    return hugging_face().tokenizer(name, context, mode, json.loads(options))


def tokenize(model: CLIP, captions: list[str]) -> Tensor:
    """Return `captions` as int64 [n, context]: start, words, end, padding; long ones are cut, end kept.

    With CLIP's own tokenizer the padding is 0, with one of Hugging Face's its padding token, and whether there
    are start and end tokens is up to it. Raises UserError where such a tokenizer cannot be had.
    """
    text, context = model.config["model_cfg"]["text_cfg"], context_length(model)
    options = text.get("tokenizer_kwargs") or {}
    name = text.get("hf_tokenizer_name") or text.get("hf_model_name")
    if name:
        chosen = json.dumps(options, sort_keys=True)
        return cast(
            Tensor, _hugging_face_tokenizer(name, context, text.get("tokenizer_mode"), chosen)(captions)
        )
    return cast(Tensor, _tokenizer(context, options.get("clean", "lower"))(captions))
