"""A painting of the image: OpenCV's stylisation, an edge-aware filter (Gastal and Oliveira 2011).

OpenCV's normalised convolution returns a black image where its window is wider than the image, as with the
usual extent of 60 px on a drawing of 64 px. The widest window is 1.51 times the extent, which is therefore
held below 0.6 of the shorter side.
"""

import cv2
import numpy as np

from crossmodal.data.images import Pixels
from crossmodal.shifts.stylisation_params import Params

STROKES = {1: (60.0, 0.6), 2: (40.0, 0.45), 3: (20.0, 0.3), 4: (10.0, 0.2), 5: (5.0, 0.1)}
"""By severity: extent in px, and the range of values, of [0, 1], that melts together."""

LARGEST = 0.6  # of the shorter side


def apply(image: Pixels, params: Params, rng: np.random.Generator) -> Pixels:
    """Return `image`, uint8 [height, width, 3] in RGB, as a painting; nothing is random."""
    extent, span = STROKES[params.severity]
    extent = min(extent, LARGEST * min(image.shape[:2]))
    painted = cv2.stylization(cv2.cvtColor(image, cv2.COLOR_RGB2BGR), sigma_s=extent, sigma_r=span)
    return np.asarray(cv2.cvtColor(painted, cv2.COLOR_BGR2RGB), dtype=np.uint8)
