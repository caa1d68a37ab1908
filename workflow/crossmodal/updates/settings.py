"""Parameters that several updates have. Free of torch: the Snakefile imports it."""

from typing import Annotated

from pydantic import Field

from crossmodal.parameters import Count, Parameters, Positive

Part = Annotated[float, Field(gt=0, le=1)]
"""A share of which there is something."""


class TermParameters(Parameters):
    """What every update with low-rank terms has."""

    scale: Positive = 1
    """The factor α/r on an added term: with an optimiser whose steps do not depend on a gradient's size it is
    the rate of the terms beside that of single weights and biases."""
    biases: bool = True
    """Whether the biases of queries, keys and values and of each MLP's first layer train. In a convolutional
    tower those of the 1×1 convolutions, which are the shifts of the batch normalisation behind them."""
    projection: bool = True
    """Whether the projection into the joint space has a term of its own."""


class StructuredParameters(TermParameters):
    """A low-rank term on some heads, and some single weights of each MLP's first layer."""

    rank: Count = 64
    """Rank r of each added term; at most the width of the projections."""
    heads: Count = 2
    """Attention heads k of each layer that are changed; all of its heads at most."""
    channels: Part = 0.25
    """Share of the output channels of each 1×1 convolution that are changed: a convolutional tower has no
    heads."""
    sparsity: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of the weights of each MLP's first layer that train, 0 for none; in a convolutional tower of the
    convolution that widens an inverted residual."""
