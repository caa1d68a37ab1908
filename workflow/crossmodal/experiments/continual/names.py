"""What stands for a class: the mean of its name's embeddings in several prompts (Radford et al. 2021, 3.1.4)."""

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional

from crossmodal.models import clip
from crossmodal.models.architecture import CLIP
from crossmodal.models.class_prompts import words
from crossmodal.models.dual_encoder import encode_texts


def class_tokens(model: CLIP, classes: Sequence[str], prompts: Sequence[str]) -> Tensor:
    """Return the tokens, int64 [classes · prompts, context], of each class's name in all `prompts`."""
    return clip.tokenize(model, [prompt.replace("{}", words(name)) for name in classes for prompt in prompts])


def class_features(model: CLIP, tokens: Tensor, classes: int) -> Tensor:
    """Return the mean of the unit embeddings of each class's prompts, float32 [classes, d] of unit length."""
    found = encode_texts(model, tokens)
    return functional.normalize(found.reshape(classes, len(tokens) // classes, -1).mean(dim=1), dim=-1)
