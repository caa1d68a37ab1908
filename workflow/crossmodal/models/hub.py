"""A base model with published weights, fetched through open_clip."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import open_clip
from open_clip.pretrained import get_pretrained_cfg, list_pretrained_tags_by_model

from crossmodal.errors import UserError
from crossmodal.models.architecture import CLIP
from crossmodal.models.clip import equip, hugging_face, tokenize
from crossmodal.models.hub_params import Params


def create(params: Params, seed: int, sources: Sequence[Path] = ()) -> CLIP:
    """Return the model that `params` names, in eval(), fp32, on the CPU; `seed` has no influence.

    The weights are those of the one file of `sources`, else fetched from the hub or found in its cache. Raises
    UserError, one line, where the tag is unknown or of another activation than the architecture, where the file
    holds other weights, or where they cannot be fetched.
    """
    name, tag = params.architecture, params.pretrained
    tags = list_pretrained_tags_by_model(name)
    if tag not in tags:
        raise UserError(f"hub: {name} has no weights {tag!r}; it has {', '.join(tags) or 'none'}")
    config = open_clip.get_model_config(name)
    if "multimodal_cfg" in config:
        raise UserError(f"hub: {name} has a text decoder (CoCa), which is not supported; take a dual encoder")
    if config.get("quick_gelu", False) != get_pretrained_cfg(name, tag).get("quick_gelu", False):
        stem = name.removesuffix("-quickgelu")
        other = stem if stem != name else f"{stem}-quickgelu"
        hint = f"; use {other}" if other in open_clip.list_models() else ""
        raise UserError(
            f"hub: the weights {tag!r} were trained with another activation than {name} has{hint}"
        )
    try:
        if config["text_cfg"].get("hf_model_name"):
            hugging_face().enable()
        model = open_clip.create_model(
            name,
            pretrained=str(sources[0]) if sources else tag,
            force_preprocess_cfg=_preprocessing(name, tag) if sources else None,
            precision="fp32",
            weights_only=True,
        )
    except Exception as error:  # the hub's client raises dozens of types for one cause: no network
        if sources:
            reason = next(iter(str(error).splitlines()), type(error).__name__)[:200]
            raise UserError(
                f"{sources[0]}: no weights of {name} ({reason}); check path and repo of the model's weights"
            ) from None
        reason = " ".join(str(error).split()).rpartition("Last error: ")[2].split(". ")[0][:200]
        raise UserError(
            f"hub: the weights {tag!r} of {name} could not be fetched ({reason}); they need a network once, "
            "or a filled cache of the hub"
        ) from None
    preprocess = open_clip.get_model_preprocess_cfg(model)
    equip(model, {"model_cfg": config, "preprocess_cfg": preprocess})
    tokenize(model, [""])  # so that a tokenizer of its own is fetched now and not by a job without a network
    return model


def _preprocessing(name: str, tag: str) -> dict[str, Any]:
    """Return what the weights `tag` expect of images; open_clip looks it up only where it fetches them itself."""
    config = get_pretrained_cfg(name, tag)
    return {key: config[key] for key in ("mean", "std", "interpolation", "resize_mode") if key in config}
