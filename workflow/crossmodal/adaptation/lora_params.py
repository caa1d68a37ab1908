"""Parameters of LoRA."""

from typing import Literal

from crossmodal.parameters import Count, Parameters, Positive


class LoRAParameters(Parameters):
    """What every method with LoRA's terms has."""

    kind: str
    """The method."""
    rank: Count = 8
    """Rank r of each added term; at most the width of the projections (a narrower 1×1 convolution gets its own
    width)."""
    alpha: Positive = 8.0
    """Numerator α of the factor on the added term."""
    scaling: Literal["alpha/r", "alpha/sqrt(r)"] = "alpha/r"
    """The factor on the added term: α/r as in the paper, α/√r as in the public CLIP-LoRA code."""
    placement: Literal["qkv", "qkvo", "qkvo+mlp"] = "qkv"
    """Which projections: query, key and value; with the attention's output; with both layers of the MLP. In a
    convolutional tower every placement means each 1×1 convolution."""
    towers: Literal["both", "image", "text"] = "both"
    """Which towers are adapted; all layers of each."""


class Params(LoRAParameters):
    """LoRA: a low-rank term is added to projection matrices, the base model stays frozen."""

    kind: Literal["lora"]
    """Low-rank adaptation (Hu et al. 2021)."""
