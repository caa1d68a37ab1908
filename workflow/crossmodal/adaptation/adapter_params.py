"""Parameters of bottleneck adapters."""

from typing import Literal

from crossmodal.parameters import Count, Parameters


class Params(Parameters):
    """Adapters: a small residual network after the attention of every block, the base model stays frozen.

    In a convolutional tower it follows every block.
    """

    kind: Literal["adapter"]
    """Bottleneck adapters (Houlsby et al. 2019)."""
    bottleneck: Count = 64
    """Width b of the bottleneck; 64, 128 and 256 are usual."""
    towers: Literal["both", "image", "text"] = "both"
    """Which towers are adapted; all blocks of each."""
