"""A drawing in coloured pencils: dark outlines, areas hatched in their own colour, on white paper.

The outlines are those of the colour dodge (a pixel divided by its surroundings), found in each channel, so that
areas that differ in colour alone are outlined too. What outlines alone would lose is kept as tone: a flat drawing
has nothing else, and a heart or a flag is told by its colour. Tone is mixed with white and multiplied by grey,
neither of which turns a hue. Lengths are shares of the shorter side, so that a drawing looks alike at every size.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from crossmodal.data.images import Pixels
from crossmodal.shifts.pencil_sketch_params import Params

TONES = {1: (0.90, 0.10), 2: (0.75, 0.20), 3: (0.60, 0.30), 4: (0.45, 0.40), 5: (0.30, 0.50)}
"""By severity: how much of an area's tone is left, and how much more or less of it a stroke of hatching has."""

SURROUNDINGS = 0.03
"""Standard deviation of what a pixel is divided by, of the shorter side."""

STROKE = 1 / 20
"""Distance of two strokes of the hatching, of the shorter side."""

NEAREST = 3.0  # px; nearer strokes could not be told apart

DARKEST = 0.1  # added to what is divided: noise in black areas is no outline


def apply(image: Pixels, params: Params, rng: np.random.Generator) -> Pixels:
    """Return `image`, uint8 [height, width, 3] in RGB, as a drawing in coloured pencils; nothing is random."""
    tone, hatching = TONES[params.severity]
    light = image.astype(np.float32) / np.float32(255)
    left = tone * (1 + hatching * _strokes(*image.shape[:2]))[:, :, None]
    drawn = (1 - left * (1 - light)) * (1 - _outlines(light))[:, :, None]
    return np.round(drawn * 255).astype(np.uint8)


def _outlines(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how dark the outlines of an image of [0, 1] are, [height, width] of [0, 1]."""
    deviation = SURROUNDINGS * min(light.shape[:2])
    around = cv2.GaussianBlur(light, (0, 0), max(deviation, 0.5), borderType=cv2.BORDER_REFLECT)
    dodged = np.minimum((light + DARKEST) / (around + DARKEST), 1)
    return np.asarray(1 - dodged.min(axis=2))


def _strokes(height: int, width: int) -> NDArray[np.float32]:
    """Return waves of slanted strokes between -1 and 1, [height, width]."""
    distance = max(STROKE * min(height, width), NEAREST)
    rows, columns = np.mgrid[:height, :width]
    return np.asarray(np.sin(2 * np.pi * (rows + 0.6 * columns) / distance), dtype=np.float32)
