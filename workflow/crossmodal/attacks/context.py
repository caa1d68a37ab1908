"""The state a model is in while it is attacked or measured, and its way back."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Hold `model` in eval(); afterwards every module is back in the mode that it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:  # parents first, so that a child with another mode has the last word
            if module.training != training:
                module.train(training)


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """Hold `model` in eval() and its parameters without gradients; afterwards both are as they were.

    Nothing can then be accumulated in `grad`, and no activation is kept for the gradient of a weight.
    """
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    with evaluating(model):
        for parameter in trainable:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in trainable:
                parameter.requires_grad_(True)
