"""The base model whose features are classified."""

from pathlib import Path

from crossmodal.models import clip
from crossmodal.models.architecture import CLIP


def frozen_model(config: Path, weights: Path) -> CLIP:
    """Return a base model as it is, frozen, in eval() and on the CPU, where classifiers are fitted."""
    model = clip.load_clip(config, weights)
    model.eval().requires_grad_(False)
    return model
