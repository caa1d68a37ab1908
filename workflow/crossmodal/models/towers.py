"""A model of two pretrained towers with one linear projection each into a joint space.

It is open_clip's `CustomTextCLIP` with a timm model and a Hugging Face text tower (or open_clip's own), saved in
open_clip's layout. A Hugging Face tower stays a folder beside the model: the configuration names that folder as
the job was given it, relative to the repository's root, and whoever loads the model from there needs no network.
`open_clip.create_model("local-dir:FOLDER")` opens it from the repository's root; its tokenizer is
`open_clip.tokenizer.HFTokenizer(hf_tokenizer_name, context_length=...)`, since `open_clip.get_tokenizer` looks for
the tokenizer's files in the model's own folder.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from crossmodal.errors import UserError
from crossmodal.models.architecture import CLIP
from crossmodal.models.clip import build_clip, image_size
from crossmodal.models.pretrained import IMAGE_WEIGHTS
from crossmodal.models.projections import projection
from crossmodal.models.tower_weights import load_image_file, load_image_wheel, load_text_file
from crossmodal.models.towers_params import Params


def create(params: Params, seed: int, sources: Sequence[Path] = ()) -> CLIP:
    """Return the model of `params`, its projections not yet aligned, in eval(), fp32, on the CPU.

    `sources` are the files of `params.sources` in their order. What has no weights of its own gets the random ones
    that `seed` gives; torch's random state is left as it was. Raises UserError where a tower cannot be built or
    a file is not that of the tower.
    """
    files = list(sources)
    image = None if params.image.weights == "random" else files.pop(0)
    text = None if params.text.weights == "random" else files.pop()
    folder = files[0].parent.as_posix() if files else None
    config = {"model_cfg": params.model_cfg(folder), "preprocess_cfg": params.image.preprocess_cfg()}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build_clip(config, "towers")
        for tower in ("image", "text"):
            _start(projection(model, tower).parameters()[0])
    if image is not None and params.image.is_file:
        load_image_file(model.visual.trunk, params.image.architecture, image)
    elif image is not None:
        load_image_wheel(model.visual.trunk, IMAGE_WEIGHTS[params.image.weights], image)
    if text is not None:
        load_text_file(model.text.transformer, model.text.transformer.base_model_prefix, text)
    _check_size(model)
    return model


def _start(weight: nn.Parameter) -> None:
    """Give a projection its first values: orthogonal, so that no direction it has room for is stretched or lost.

    Its rows have the length of those that torch gives a layer, so that learning rates mean what they do there.
    """
    nn.init.orthogonal_(weight, gain=3**-0.5)


def _check_size(model: CLIP) -> None:
    """Raise UserError unless the image tower takes images of its size: transformers of timm take one size only."""
    size = image_size(model)
    try:
        with torch.inference_mode():
            model.visual(torch.zeros(1, 3, size, size))
    except (RuntimeError, AssertionError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"towers: the image tower takes no images of {size} px ({reason})") from None
