"""The towers' states before pooling: one vector for each word of a caption and for each place of an image.

They are in the joint space: a state is taken through the same linear projection as what is pooled from it. Where a
tower pools by the mean, as the towers of kind `towers` do, the mean of an image's states (of a caption's) is the
feature that `dual_encoder` normalises, so they say all that the embedding says and where it was seen.

The functions take a model as `dual_encoder` does, bare or with an adapter, prompts included.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from crossmodal.errors import UserError
from crossmodal.models import dual_encoder
from crossmodal.models.architecture import CLIP
from crossmodal.models.projections import Projection, projection


def image_states(model: CLIP, pixels: Tensor, grid: int) -> Tensor:
    """Return the states [b, p, d], float32, of the places of `pixels` [b, 3, h, w] in [0, 1], row by row.

    p is the square of `grid` or of the side of the tower's own map, whichever is less: a finer map is averaged
    over squares of like size. Raises UserError where the tower has no square map of places that its projection
    takes.
    """
    last, images = projection(model, "image"), (pixels - model.pixel_mean) / model.pixel_std
    found = _trunk_map(model, images) if hasattr(model.visual, "trunk") else _transformer_map(model, pixels)
    if found is None or found.ndim != 4 or found.shape[1] != _inputs(last):
        raise UserError(
            f"token states: the image tower {_tower_name(model)} has no map of places before its projection; "
            "use open_clip's vision transformer or a timm network that pools its last feature map"
        )
    side = min(grid, *found.shape[2:])
    pooled = functional.adaptive_avg_pool2d(found.float(), side)
    return last(pooled.flatten(2).transpose(1, 2).contiguous())


def text_states(model: CLIP, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Return the states of captions, float32 [b, c, d], and which of them count, bool [b, c].

    `tokens` are int64 [b, context]; c is at least the longest caption. Start and end count, padding does not.
    Vectors of prompts count as words do: the tower pools over them too.
    """
    seen: dict[str, Tensor] = {}

    def note_ids(_module: nn.Module, args: tuple[Any, ...], _output: object) -> None:
        seen["ids"] = args[0]

    def note_states(_module: nn.Module, _args: object, output: Any) -> None:
        seen["states"] = output if isinstance(output, Tensor) else output.last_hidden_state

    tower: Any = dual_encoder.text_tower(model)
    states_of = tower.ln_final if hasattr(tower, "ln_final") else tower.transformer
    # The tokens that the tower reads: a method with prompts moves the caption's.
    handles = [
        dual_encoder.token_embedding(model).register_forward_hook(note_ids),
        states_of.register_forward_hook(note_states),
    ]
    try:
        prompts = getattr(model, "text_prompts", None)
        if prompts is None:
            dual_encoder.text_features(model, tokens)
        else:
            prompts(model, tokens, None)
    finally:
        for handle in handles:
            handle.remove()
    ids = seen["ids"]
    position = torch.arange(ids.shape[1], device=ids.device)
    states = projection(model, "text")(seen["states"][:, : ids.shape[1]].float())
    return states, position <= dual_encoder.ends(ids, model)


def _trunk_map(model: CLIP, images: Tensor) -> Tensor | None:
    """Return the last feature map [b, width, h, w] of a timm tower; None where its places form no square."""
    trunk: Any = model.visual.trunk
    features = cast(Tensor, trunk.forward_features(images))
    if features.ndim == 4:
        return features.permute(0, 3, 1, 2) if getattr(trunk, "output_fmt", "NCHW") == "NHWC" else features
    return _square(features[:, getattr(trunk, "num_prefix_tokens", 0) :])


def _transformer_map(model: CLIP, pixels: Tensor) -> Tensor | None:
    """Return the patches [b, width, h, w] that leave the last normalisation of open_clip's vision transformer."""
    if not isinstance(getattr(model.visual, "ln_post", None), nn.Module):
        return None
    seen: list[Tensor] = []

    def note(_module: nn.Module, _args: object, output: Tensor) -> None:
        seen.append(output)

    handle = model.visual.ln_post.register_forward_hook(note)
    try:
        dual_encoder.image_features(model, pixels)
    finally:
        handle.remove()
    return _square(seen[0][:, 1:]) if seen and seen[0].ndim == 3 else None


def _square(states: Tensor) -> Tensor | None:
    side = round(states.shape[1] ** 0.5)
    if side * side != states.shape[1] or not side:
        return None
    return states.transpose(1, 2).unflatten(2, (side, side))


def _inputs(last: Projection) -> int:
    held = last.held
    return held.in_features if isinstance(held, nn.Linear) else held.shape[0]


def _tower_name(model: CLIP) -> str:
    name = model.config["model_cfg"]["vision_cfg"].get("timm_model_name")
    return str(name or type(model.visual).__name__)
