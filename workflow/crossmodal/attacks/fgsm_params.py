"""Parameters of the fast gradient sign method."""

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from crossmodal.parameters import NotNegative, Parameters, Positive


class Params(Parameters):
    """One step on the pixels of images in [0, 1].

    From the image to the edge of the ball (Goodfellow et al. 2015), or from a random point of the ball with a step
    of 1.25 epsilon, then back into the ball: FGSM-RS (Wong et al. 2020), for training in one step.
    """

    space: ClassVar[str] = "images"
    """What it attacks: the side of an adversary on which it may stand."""

    kind: Literal["fgsm"]
    """Fast gradient sign method."""
    norm: Literal["linf", "l2"] = "linf"
    """The norm that bounds the perturbation of one image; with l2 the step follows the gradient itself."""
    epsilon: NotNegative = 8 / 255
    """Radius of the ball, in pixel values of [0, 1]: for `linf` of each value (such as "8/255"), for `l2` of the
    whole image."""
    step: Positive = 1.0
    """Length of the step as a multiple of epsilon."""
    random_start: bool = False
    """Whether the step starts at a random point of the ball instead of at the image."""

    @model_validator(mode="after")
    def _values_are_pixels(self) -> Self:
        if self.norm == "linf" and self.epsilon > 1:
            raise ValueError('epsilon of norm linf is at most 1: pixels are in [0, 1], write "8/255" for 8')
        return self
