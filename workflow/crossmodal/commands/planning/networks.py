"""What a base model costs, without its weights: built without memory, on torch's meta device."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import constants

from crossmodal.errors import UserError
from crossmodal.models import clip
from crossmodal.models.architecture import CLIP
from crossmodal.models.footprint import count_flops
from crossmodal.study.study import Study

PREPROCESSING = {"mean": [0.5] * 3, "std": [0.5] * 3}
"""Any: no pixel is computed."""


@dataclass(frozen=True)
class Network:
    """Operations, parameters and memory of one model; operations count a multiplication and an addition as two."""

    image_flops: int
    """Of one image, forward."""
    text_flops: int
    """Of one caption, forward."""
    parameters: int
    image_parameters: int
    """Of the image tower alone."""
    image_activations: int
    """Bytes that one image's forward pass keeps for the way back, in float32."""
    text_activations: int
    dimension: int
    """Of the embeddings."""


def networks_of(study: Study, results: Path = Path("results")) -> dict[str, Network | None]:
    """Return the costs of each base model that the study uses; None where it is known once the model is made."""
    return {name: _network(study, name, results) for name in study.used_models()}


def _network(study: Study, name: str, results: Path) -> Network | None:
    folder = results / study.study / "models" / name
    try:
        config = clip.read_config(folder / "open_clip_config.json")
    except UserError:
        config = {"model_cfg": study.models[name].model_cfg(), "preprocess_cfg": PREPROCESSING}
    try:
        with torch.device("meta"), redirect_stderr(StringIO()), _offline():
            model = clip.build_clip(config, f"models.{name}")
        return measure(model)
    except (UserError, OSError):  # a text tower whose folder is unpacked by a job of the study
        return None


@contextmanager
def _offline() -> Iterator[None]:
    """Keep the hub's client from asking its server for a text tower that is no folder here yet."""
    before, constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE, True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def measure(model: CLIP) -> Network:
    """Return the costs of a model, on whatever device it is."""
    place = next(model.parameters()).device
    side = clip.image_size(model)
    pixels = torch.zeros(1, 3, side, side, device=place)
    context = int(model.config["model_cfg"]["text_cfg"].get("context_length", 77))
    tokens = torch.zeros(1, context, dtype=torch.long, device=place)
    calls: list[Callable[[], Any]] = [
        lambda: model.encode_image(pixels),
        lambda: model.encode_text(tokens),
    ]
    kept = [_kept_bytes(call) for call in calls]
    model.requires_grad_(False)  # the counter of operations trips over a parameter that is trained
    with torch.device(place):
        flops = [count_flops(call) for call in calls]
    return Network(
        image_flops=flops[0],
        text_flops=flops[1],
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        image_parameters=sum(parameter.numel() for parameter in model.visual.parameters()),
        image_activations=kept[0],
        text_activations=kept[1],
        dimension=int(model.config["model_cfg"]["embed_dim"]),
    )


def _kept_bytes(call: Callable[[], Any]) -> int:
    """Return the bytes of what `call` keeps for the way back, each storage once, parameters left out."""
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if not (tensor.is_leaf and tensor.requires_grad):
            storage = tensor.untyped_storage()
            kept[storage._cdata] = storage.nbytes()
        return tensor

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out = call()
        del out
    return sum(kept.values())
