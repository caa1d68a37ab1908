"""The base model whose features are classified."""

from pathlib import Path

from crossmodal.models import clip
from crossmodal.models.architecture import CLIP
from crossmodal.torch_setup import device


def frozen_model(config: Path, weights: Path) -> CLIP:
    """Return a base model as it is, frozen and in eval(), on the device that there is."""
    model = clip.load_clip(config, weights)
    model.eval().requires_grad_(False)
    return model.to(device())
