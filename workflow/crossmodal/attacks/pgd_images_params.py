"""Parameters of projected gradient descent on pixels."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from crossmodal.parameters import Count, NotNegative, Parameters, Positive


class Params(Parameters):
    """PGD on the pixels of images in [0, 1] (Madry et al. 2018), with momentum."""

    space: ClassVar[str] = "images"
    """What it attacks: the side of an adversary on which it may stand."""

    kind: Literal["pgd_images"]
    """Projected gradient descent on pixels."""
    norm: Literal["linf", "l2"] = "linf"
    """The norm that bounds the perturbation of one image."""
    epsilon: NotNegative = 8 / 255
    """Radius of the ball, in pixel values of [0, 1]: for `linf` of each value (such as "8/255"), for `l2`
    of the whole image."""
    steps: Count = 7
    """Gradient steps; 1 without momentum and random start is FGSM."""
    step_size: Positive | None = None
    """Length of one step in the unit of epsilon; none for 2.5 epsilon / steps."""
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """Share of the last direction that is kept; 0 for plain PGD."""
    restarts: Count = 1
    """Climbs from different starts, of which the best result counts."""
    random_start: bool = True
    """Whether a climb starts at a random point of the ball instead of at the image."""

    @model_validator(mode="after")
    def _values_are_pixels(self) -> Self:
        if self.norm == "linf" and self.epsilon > 1:
            raise ValueError('epsilon of norm linf is at most 1: pixels are in [0, 1], write "8/255" for 8')
        return self
