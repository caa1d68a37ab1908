"""A grey pencil sketch of the image: OpenCV's pencil sketch, an edge-aware filter (Gastal and Oliveira 2011).

The lines come from what the filter smooths away, so a drawing without antialiasing gives a blank sheet.
"""

import cv2
import numpy as np

from crossmodal.data.images import Pixels
from crossmodal.shifts.pencil_sketch_params import Params

PENCILS = {1: (10.0, 0.2), 2: (20.0, 0.3), 3: (40.0, 0.45), 4: (80.0, 0.6), 5: (120.0, 0.8)}
"""By severity: extent in px, and the range of values, of [0, 1], that melts together."""

SHADE = 0.05  # brightness of the shades, of [0, 0.1]


def apply(image: Pixels, params: Params, rng: np.random.Generator) -> Pixels:
    """Return `image`, uint8 [height, width, 3] in RGB, as a grey sketch in three equal channels."""
    extent, span = PENCILS[params.severity]
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    grey, _ = cv2.pencilSketch(bgr, sigma_s=extent, sigma_r=span, shade_factor=SHADE)
    return np.repeat(np.asarray(grey, dtype=np.uint8)[:, :, None], 3, axis=2)
