"""Parameters of the fast gradient sign method."""

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from crossmodal.parameters import NotNegative, Parameters


class Params(Parameters):
    """FGSM on the pixels of images in [0, 1] (Goodfellow et al. 2015): one step, from the image to the edge."""

    space: ClassVar[str] = "images"
    """What it attacks: the side of an adversary on which it may stand."""

    kind: Literal["fgsm"]
    """Fast gradient sign method."""
    norm: Literal["linf", "l2"] = "linf"
    """The norm that bounds the perturbation of one image; with l2 the step is the gradient at length epsilon."""
    epsilon: NotNegative = 8 / 255
    """Radius of the ball and length of the step, in pixel values of [0, 1]: for `linf` of each value (such as
    "8/255"), for `l2` of the whole image."""

    @model_validator(mode="after")
    def _values_are_pixels(self) -> Self:
        if self.norm == "linf" and self.epsilon > 1:
            raise ValueError('epsilon of norm linf is at most 1: pixels are in [0, 1], write "8/255" for 8')
        return self
