"""Perturbed embeddings, which have length 1."""

from torch import Tensor
from torch.nn import functional


def moved(features: Tensor, offsets: Tensor | None) -> Tensor:
    """Return the embeddings `features` + `offsets` [b, d] at length 1; `features` as they are without offsets.

    Offsets of an attack change the length by rounding only. To pass through it leaves of a gradient what is
    tangent to the sphere, which is all that an attack on the sphere can use.
    """
    return features if offsets is None else functional.normalize(features + offsets, dim=-1)
