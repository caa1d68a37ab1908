"""What stands for a class: the mean of its name's embeddings in several prompts (Radford et al. 2021, 3.1.4)."""

from collections.abc import Sequence

import numpy as np

from crossmodal.models import clip
from crossmodal.models.architecture import CLIP
from crossmodal.models.embeddings import Vectors
from crossmodal.models.export import embed_captions


def words(label: str) -> str:
    """Return the name of a class in words."""
    return " ".join(label.replace("-", " ").replace("_", " ").split())


def class_embeddings(model: CLIP, labels: Sequence[str], prompts: Sequence[str], batch_size: int) -> Vectors:
    """Return the mean of the unit embeddings of each class in all `prompts`, float32 [n, d] of unit length.

    A prompt has {} in the place of the class's name. The model is in eval() on the device it is on.
    """
    asked = [prompt.replace("{}", words(label)) for label in labels for prompt in prompts]
    found = embed_captions(model, clip.tokenize(model, asked), batch_size)
    mean = found.reshape(len(labels), len(prompts), -1).mean(axis=1)
    norms = np.linalg.norm(mean, axis=1, keepdims=True)
    return (mean / np.maximum(norms, np.finfo(np.float32).tiny)).astype(np.float32)
