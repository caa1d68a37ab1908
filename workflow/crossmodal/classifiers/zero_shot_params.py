"""Parameters of zero-shot classification."""

from typing import Literal

from crossmodal.parameters import Parameters


class Params(Parameters):
    """Zero-shot: the class whose prompts are nearest; no training image is read."""

    kind: Literal["zero_shot"]
    """Classes by their prompts (Radford et al. 2021)."""
