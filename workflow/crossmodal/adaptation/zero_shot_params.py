"""Parameters of the base model as it is."""

from typing import Literal

from crossmodal.parameters import Parameters


class Params(Parameters):
    """No adaptation: the base model is evaluated as pretrained."""

    kind: Literal["zero_shot"]
    """The base model unchanged."""
