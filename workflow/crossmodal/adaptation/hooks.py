"""What a method may ask of the training loop beside gradients."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor, nn


class Hooks(NamedTuple):
    """A method's own part in training; each may be None."""

    penalty: Callable[[nn.Module], Tensor] | None = None
    """Returns a scalar, with a gradient, that is added to the loss of each step."""
    after_step: Callable[[nn.Module, int, int], None] | None = None
    """Called with the model, the step (from 0) and the number of all steps, once the optimiser has moved the
    parameters and before their gradients are cleared. What it remembers lies in buffers of the model, so that
    a run that was cut off goes on with it."""
    selectable: Callable[[int, int], bool] | None = None
    """Returns whether the model, after so many of all steps, may be the result: not before a method has become
    what it is to be."""
