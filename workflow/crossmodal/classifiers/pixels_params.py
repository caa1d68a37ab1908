"""Parameters of the blind probe."""

from typing import Literal

from pydantic import Field

from crossmodal.classifiers.settings import ChoosingParameters
from crossmodal.parameters import Positive


class Params(ChoosingParameters):
    """Pixels: ridge regression on downscaled images; what colours and places alone tell, without any network."""

    kind: Literal["pixels"]
    """A probe that sees no feature."""
    regularisations: list[Positive] = Field(
        default=[1e-5, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 1000.0],
        min_length=1,
    )
    """What may be chosen as the ridge, ascending, in units of the mean squared length of a training image's pixels
    less their mean."""
