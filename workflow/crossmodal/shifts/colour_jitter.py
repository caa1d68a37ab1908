"""Random brightness, contrast and saturation, in this order; hue, which says which flag or heart it is, stays.

The photometric part of SimCLR's transform (Chen et al. 2020) without its turn of the hue. Cutting values to their
range channel by channel, as libraries do, would turn hues as well; a colour out of range is moved back whole.
"""

import numpy as np
from numpy.typing import NDArray

from crossmodal.data.images import Pixels
from crossmodal.shifts.colour_jitter_params import Params

FACTOR_STEP = 0.12  # severity 5: factors between 0.4 and 1.6
LUMINANCE = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, as in Pillow


def apply(image: Pixels, params: Params, rng: np.random.Generator) -> Pixels:
    """Return `image`, uint8 [height, width, 3] in RGB, with its colours changed by factors drawn from `rng`."""
    reach = FACTOR_STEP * params.severity
    brightness, contrast, saturation = rng.uniform(1 - reach, 1 + reach, size=3)
    values = _in_range(image / 255 * brightness)
    mean = (values @ LUMINANCE).mean()
    values = _in_range(mean + contrast * (values - mean))
    grey = (values @ LUMINANCE)[:, :, None]
    values = _in_range(grey + saturation * (values - grey))
    return np.round(values * 255).astype(np.uint8)


def _in_range(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return colours [height, width, 3] in [0, 1]: below it they are lifted, above it dimmed; hues stay."""
    lifted = values - np.minimum(values.min(axis=2, keepdims=True), 0)
    return np.asarray(lifted / np.maximum(lifted.max(axis=2, keepdims=True), 1))
