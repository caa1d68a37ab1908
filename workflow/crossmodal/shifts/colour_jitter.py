"""Random brightness, contrast, saturation and hue, in this order (the transform of SimCLR, Chen et al. 2020)."""

import numpy as np
from PIL import Image, ImageEnhance

from crossmodal.data.images import Pixels
from crossmodal.shifts.colour_jitter_params import Params

FACTOR_STEP = 0.12  # severity 5: factors between 0.4 and 1.6
HUE_STEP = 0.04  # of a full turn; severity 5: at most a fifth of the colour circle


def apply(image: Pixels, params: Params, rng: np.random.Generator) -> Pixels:
    """Return `image`, uint8 [height, width, 3] in RGB, with its colours changed by factors drawn from `rng`."""
    reach = FACTOR_STEP * params.severity
    brightness, contrast, saturation = rng.uniform(1 - reach, 1 + reach, size=3)
    turn = rng.uniform(-1, 1) * HUE_STEP * params.severity
    jittered = ImageEnhance.Brightness(Image.fromarray(image)).enhance(brightness)
    jittered = ImageEnhance.Contrast(jittered).enhance(contrast)
    jittered = ImageEnhance.Color(jittered).enhance(saturation)
    hue, *rest = jittered.convert("HSV").split()
    turned = (np.asarray(hue, dtype=np.int16) + round(turn * 256)) % 256
    hsv = Image.merge("HSV", [Image.fromarray(turned.astype(np.uint8)), *rest])
    return np.asarray(hsv.convert("RGB"))
