"""An image query to a vector with the image tower alone: no text tower is built, and no transformers imported."""

from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from crossmodal.errors import UserError
from crossmodal.serving.weights import ModelFiles, foldable, tower_tensors

if TYPE_CHECKING:
    from crossmodal.models.architecture import CLIP

ImageEncoder = Callable[[bytes], npt.NDArray[np.float32]]
"""From an encoded image file to its unit-length vector, float32 [d]; ValueError for what is no image."""

NO_TEXT = {"width": 8, "heads": 1, "layers": 1, "context_length": 4, "vocab_size": 8}
"""The smallest text tower, in the place of one that is not asked."""


def image_encoder(files: ModelFiles) -> ImageEncoder | None:
    """Return the image tower of `files` alone, or None where only the whole model can encode an image.

    Raises UserError for files that are broken or do not belong together.
    """
    if not foldable(files):
        return None
    tensors = tower_tensors(files, "visual.")
    if tensors is None:
        return None
    import torch

    from crossmodal.models import clip

    config = deepcopy(clip.read_config(files.config))
    try:
        config["model_cfg"] |= {"text_cfg": NO_TEXT, "custom_text": True}
    except (KeyError, TypeError):
        raise UserError(f"{files.config}: not an open_clip configuration (no model_cfg)") from None
    with torch.random.fork_rng(devices=[]):
        model = clip.build_clip(config, str(files.config))
    state = {name.removeprefix("visual."): torch.from_numpy(t) for name, t in tensors.items()}
    try:
        model.visual.load_state_dict(state, strict=True)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"{files.weights}: does not fit the model in {files.config.name} ({reason})"
        ) from None
    return encoder_of(model)


def encoder_of(model: "CLIP") -> ImageEncoder:
    """Return what encodes one image with `model`, on the device that it is on."""
    import torch

    from crossmodal.data.images import decode
    from crossmodal.models import clip, dual_encoder

    size, device = clip.image_size(model), next(model.parameters()).device

    @torch.inference_mode()
    def encode(data: bytes) -> npt.NDArray[np.float32]:
        pixels = torch.from_numpy(decode(data, size).copy())[None].to(device)
        found: npt.NDArray[np.float32] = (
            dual_encoder.encode_images(model, dual_encoder.to_pixels(pixels))[0].cpu().numpy()
        )
        return found

    return encode
