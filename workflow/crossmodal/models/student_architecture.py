"""What a student looks like that is derived from its teacher, in open_clip's words. Free of torch.

The tower of a transformer keeps its form: fewer layers, a narrower width, heads of the same size. A network
of timm has no such numbers in open_clip's configuration; another one takes its place.
"""

import json
from copy import deepcopy
from typing import Any, TypeAlias

from crossmodal.parameters import Count, Parameters

Cfg: TypeAlias = dict[str, Any]
_CONTEXT = 77  # open_clip's default
_LAYERS = 12  # open_clip's default, of both towers
_VISION = {"width": 768, "head_width": 64}
_TEXT = {"width": 512, "heads": 8}
"""Further defaults of open_clip."""

_HUGGING_FACE = (
    # BERT, RoBERTa, MPNet; then DistilBERT.
    {
        "layers": "num_hidden_layers", "width": "hidden_size", "heads": "num_attention_heads",
        "inner": "intermediate_size",
    },
    {"layers": "n_layers", "width": "dim", "heads": "n_heads", "inner": "hidden_dim"},
)  # fmt: skip
"""What config.json calls the sizes of a text tower."""


class StudentImage(Parameters):
    """The image tower of a student; null keeps what the teacher has, but for the layers."""

    architecture: str | None = None
    """timm's name of a smaller network, for example "mobilenetv2_050"; its weights are random."""
    layers: Count | None = None
    """Layers of open_clip's vision transformer; null for half of the teacher's."""
    width: Count | None = None
    """Width of open_clip's vision transformer."""


class StudentText(Parameters):
    """The text tower of a student; null keeps what the teacher has, but for the layers."""

    layers: Count | None = None
    """Layers of the transformer; null for half of the teacher's."""
    width: Count | None = None
    """Width of its states, and with it of the token table."""


def even_layers(count: int, kept: int) -> list[int]:
    """Return which of `count` layers a student of `kept` has: the first, and others at even distances.

    As TinyCLIP (Wu et al. 2023) inherits by hand and DistilBERT (Sanh et al. 2019) does: 0, 2, 4 of six.
    """
    return [i * count // kept for i in range(kept)]


def student_cfg(
    teacher: Cfg, image: StudentImage, text: StudentText, embed_dim: int | None, folder: str | None
) -> Cfg:
    """Return the model_cfg of the student of a `teacher` with that model_cfg.

    `folder` is where the student's text tower of Hugging Face has its config.json, if that is what it has. Raises
    ValueError, in words, where the teacher has no such student.
    """
    student = deepcopy(teacher)
    student["vision_cfg"] = _vision(student["vision_cfg"], image)
    student["text_cfg"] = _text(student["text_cfg"], text, folder)
    if embed_dim is not None:
        student["embed_dim"] = embed_dim
    return student


def _vision(teacher: Cfg, image: StudentImage) -> Cfg:
    if image.architecture is not None:
        return {
            "timm_model_name": image.architecture,
            "timm_pool": "avg",
            "timm_proj": "linear",
            "image_size": teacher.get("image_size", 224),
        }
    layers = teacher.get("layers", _LAYERS)
    if "timm_model_name" in teacher or not isinstance(layers, int):
        given = [key for key in ("layers", "width") if getattr(image, key) is not None]
        if given:
            name = teacher.get("timm_model_name", "a ResNet")
            raise ValueError(
                f"image.{given[0]} is of open_clip's vision transformer, the teacher has {name}; "
                "write image.architecture, the name of a smaller network of timm"
            )
        return teacher
    whole = _VISION | teacher
    width = _at_most("image.width", image.width, whole["width"])
    if width % whole["head_width"]:
        raise ValueError(
            f"image.width {width} is no multiple of the teacher's head_width {whole['head_width']}"
        )
    return teacher | {"layers": _half("image.layers", image.layers, layers), "width": width}


def _text(teacher: Cfg, text: StudentText, folder: str | None) -> Cfg:
    if teacher.get("hf_model_name"):
        if folder is None:
            raise ValueError("a text tower of Hugging Face needs the folder of the student's own config.json")
        tokenizer = teacher.get("hf_tokenizer_name") or teacher["hf_model_name"]
        return teacher | {"hf_model_name": folder, "hf_tokenizer_name": tokenizer}
    whole = _TEXT | teacher
    width = _at_most("text.width", text.width, whole["width"])
    layers = _half("text.layers", text.layers, teacher.get("layers", _LAYERS))
    return teacher | {
        "layers": layers,
        "width": width,
        "heads": _heads(width, whole["width"], whole["heads"]),
    }


def cut_tower_config(teacher: Cfg, text: StudentText) -> Cfg:
    """Return the config.json of the student of a text tower of Hugging Face with the config.json `teacher`.

    Raises ValueError, in words, where the teacher has no such student.
    """
    names = next((found for found in _HUGGING_FACE if set(found.values()) <= teacher.keys()), None)
    if names is None:
        kind = teacher.get("model_type", "a model of no type")
        raise ValueError(
            f"it is {kind}, whose sizes have other names than {', '.join(_HUGGING_FACE[0].values())}"
        )
    layers, before = teacher[names["layers"]], teacher[names["width"]]
    width = _at_most("text.width", text.width, before)
    return teacher | {
        names["layers"]: _half("text.layers", text.layers, layers),
        names["width"]: width,
        names["heads"]: _heads(width, before, teacher[names["heads"]]),
        names["inner"]: teacher[names["inner"]] * width // before,
    }


def _half(key: str, asked: int | None, teacher: int) -> int:
    return max(1, teacher // 2) if asked is None else _at_most(key, asked, teacher)


def _at_most(key: str, asked: int | None, teacher: int) -> int:
    if asked is not None and asked > teacher:
        raise ValueError(
            f"{key} is {asked}, the teacher's is {teacher}: a student is no larger than its teacher"
        )
    return teacher if asked is None else asked


def _heads(width: int, before: int, heads: int) -> int:
    size = before // heads
    if width % size:
        raise ValueError(f"text.width {width} is no multiple of {size}, the size of the teacher's heads")
    return width // size


def misfit(student: Cfg, teacher: Cfg) -> str | None:
    """Return why two models do not see the same tokens and pixels, in words, if they do not."""
    own, other = _tokens(student), _tokens(teacher)
    if own != other:
        return (
            f"its tokenizer is {_named(own)} and the teacher's {_named(other)}; a student reads the tokens of its"
            " teacher: choose a teacher with that tokenizer"
        )
    sizes = [cfg["vision_cfg"].get("image_size", 224) for cfg in (student, teacher)]
    if sizes[0] != sizes[1]:
        return (
            f"it takes images of {sizes[0]} px and the teacher of {sizes[1]} px: give it the teacher's size"
        )
    return None


def _tokens(cfg: Cfg) -> tuple[str, int, str]:
    """Return what decides about the tokens of a caption: the tokenizer, how many, and its options."""
    text = cfg["text_cfg"]
    name = text.get("hf_tokenizer_name") or text.get("hf_model_name")
    options = {key: text.get(key) for key in ("tokenizer_kwargs", "tokenizer_mode")}
    vocabulary = None if name else text.get("vocab_size", 49408)
    context = int(text.get("context_length", _CONTEXT))
    return str(name or "CLIP's own"), context, json.dumps([options, vocabulary], sort_keys=True)


def _named(tokens: tuple[str, int, str]) -> str:
    return f"{tokens[0]} ({tokens[1]} tokens)"
