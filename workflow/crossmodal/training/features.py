"""Features of frozen towers, computed once and kept by content: a job that was cut off goes on from them."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from crossmodal.models.architecture import CLIP
from crossmodal.models.dual_encoder import image_features, lengths, text_features, to_pixels
from crossmodal.models.projections import projection, without
from crossmodal.progress import progress
from crossmodal.training.batches import TrainingSet
from crossmodal.training.checkpoint import fingerprint

_BATCH = 64


@dataclass(frozen=True, slots=True)
class Features:
    """What the frozen towers make of a training set, before their projections."""

    images: Tensor
    """float32 [n, width of the image tower], in the order of the images."""
    texts: Tensor
    """float32 [u, width of the text tower], of the u different captions."""
    captions: Tensor
    """int64 [m]: the row in `texts` of each of the m captions."""


@torch.no_grad()
def frozen_features(model: CLIP, data: TrainingSet, device: str, folder: Path) -> Features:
    """Return the features of `data`, on the CPU, from the towers of `model`, which is on `device` and in eval().

    Those found in `folder`, of the same towers and data, are not computed again. Equal captions are encoded once,
    and captions of like length together, since a batch is cut after its longest.
    """
    different, captions = data.tokens.unique(dim=0, return_inverse=True)
    order = lengths(different).argsort(stable=True)

    def images() -> Tensor:
        def encode(batch: Tensor) -> Tensor:
            return image_features(model, to_pixels(batch))

        return _in_batches(encode, data.images, device, "features of images")

    def texts() -> Tensor:
        def encode(batch: Tensor) -> Tensor:
            return text_features(model, batch.long())

        return _in_batches(encode, different[order], device, "features of captions")[order.argsort()]

    with without(projection(model, "image"), projection(model, "text")):
        return Features(
            _kept(folder, "images", _key(model, "vision_cfg", data.images), images),
            _kept(folder, "texts", _key(model, "text_cfg", different), texts),
            captions,
        )


def _in_batches(encode: Callable[[Tensor], Tensor], items: Tensor, device: str, label: str) -> Tensor:
    batches = progress(items.split(_BATCH), label, unit="batch")
    return torch.cat([encode(batch.to(device)).float().cpu() for batch in batches])


def _key(model: CLIP, section: str, data: Tensor) -> str:
    """Return a digest of a tower, without its projection, and of what it is to encode."""
    image = section == "vision_cfg"
    whole = model.state_dict()
    names = [name for name in whole if name.startswith("visual.") == image and name != "logit_scale"]
    state = {name: whole[name] for name in names} | {"data": data}
    if image:
        state |= {"mean": model.pixel_mean, "std": model.pixel_std}
    architecture = json.dumps(model.config["model_cfg"][section], sort_keys=True)
    digest = f"{architecture} {fingerprint(state)}"
    return sha256(digest.encode()).hexdigest()[:16]


def _kept(folder: Path, name: str, key: str, compute: Callable[[], Tensor]) -> Tensor:
    """Return the tensor in `folder` under `name` and `key`; computed, and put there whole, if it is not."""
    path = folder / f"{name}-{key}.safetensors"
    try:
        found: Tensor = load_file(path)[name]
        return found
    except FileNotFoundError:
        pass
    except (SafetensorError, OSError, KeyError) as error:
        print(f"{path}: damaged ({_first_line(error)}), computed again", file=sys.stderr)
    tensor = compute()
    temporary = path.with_suffix(".tmp")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_file({name: tensor}, temporary)
        temporary.replace(path)
    except (SafetensorError, OSError) as error:  # the job can do without, and will say what its outputs meet
        temporary.unlink(missing_ok=True)
        print(f"{path}: cannot be kept ({_first_line(error)})", file=sys.stderr)
    return tensor


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
