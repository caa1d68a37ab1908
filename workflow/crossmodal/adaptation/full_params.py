"""Parameters of full fine-tuning."""

from typing import Literal

from crossmodal.parameters import Parameters


class Params(Parameters):
    """Full fine-tuning: every parameter of both towers trains, and the scale of the logits.

    Running statistics of batch normalisation stay the base model's.
    """

    kind: Literal["full"]
    """Every parameter trains."""
