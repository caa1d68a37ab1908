"""Parameters of BitFit."""

from typing import Literal

from crossmodal.parameters import Parameters


class Params(Parameters):
    """BitFit: only bias terms train."""

    kind: Literal["bitfit"]
    """Bias terms only (Zaken et al. 2022)."""
    layer_norm: bool = True
    """Whether the biases of layer and group normalisation train too; those of batch normalisation always do."""
