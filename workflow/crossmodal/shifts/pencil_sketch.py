"""A grey pencil sketch of the image: OpenCV's pencil sketch, an edge-aware filter (Gastal and Oliveira 2011)."""

import cv2
import numpy as np

from crossmodal.data.images import Pixels
from crossmodal.shifts.pencil_sketch_params import Params

PENCILS = {1: (5.0, 0.05, 0.05), 2: (10.0, 0.06, 0.05), 3: (20.0, 0.07, 0.04), 4: (40.0, 0.08, 0.035),
           5: (60.0, 0.1, 0.03)}  # fmt: skip
"""By severity: extent in px, range of values that melts together, brightness of the shades."""


def apply(image: Pixels, params: Params, rng: np.random.Generator) -> Pixels:
    """Return `image`, uint8 [height, width, 3] in RGB, as a grey sketch in three equal channels."""
    extent, span, shade = PENCILS[params.severity]
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    grey, _ = cv2.pencilSketch(bgr, sigma_s=extent, sigma_r=span, shade_factor=shade)
    return np.repeat(np.asarray(grey, dtype=np.uint8)[:, :, None], 3, axis=2)
