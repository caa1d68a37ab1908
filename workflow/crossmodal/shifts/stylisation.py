"""A painting of the image: OpenCV's stylisation, an edge-aware filter (Gastal and Oliveira 2011)."""

import cv2
import numpy as np

from crossmodal.data.images import Pixels
from crossmodal.shifts.stylisation_params import Params

STROKES = {1: (5.0, 0.1), 2: (10.0, 0.2), 3: (20.0, 0.3), 4: (40.0, 0.45), 5: (60.0, 0.6)}
"""By severity: extent in px, and the range of values, of [0, 1], that melts together."""


def apply(image: Pixels, params: Params, rng: np.random.Generator) -> Pixels:
    """Return `image`, uint8 [height, width, 3] in RGB, as a painting; nothing is random."""
    extent, span = STROKES[params.severity]
    painted = cv2.stylization(cv2.cvtColor(image, cv2.COLOR_RGB2BGR), sigma_s=extent, sigma_r=span)
    return np.asarray(cv2.cvtColor(painted, cv2.COLOR_BGR2RGB), dtype=np.uint8)
