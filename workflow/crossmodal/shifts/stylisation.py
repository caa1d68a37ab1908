"""A watercolour of the image (after Bousseau, Kaplan, Thollot and Sillion 2006), of three of its effects.

Texture melts into areas (a bilateral filter, which leaves edges and thin lines), contours wobble, and pigment lies
unevenly: the paper shines through, which neither turns a hue nor darkens a thing. Lengths are shares of the
shorter side, so that a picture looks alike at every size. OpenCV's stylization does not serve: on flat drawings it
draws dense dark outlines, and black where its window is wider than the image.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from crossmodal.data.images import Pixels
from crossmodal.shifts.stylisation_params import Params


class Brush(NamedTuple):
    """How a watercolour is painted."""

    extent: float
    """Standard deviation of the window of the bilateral filter, of the shorter side."""
    span: float
    """Standard deviation of the values, of [0, 1], that melt together."""
    wobble: float
    """Largest displacement of a contour in each direction, of the shorter side."""
    thinning: float
    """Share of the pigment that is missing where it is thinnest."""


BRUSHES = {
    1: Brush(0.010, 0.05, 0.006, 0.15),
    2: Brush(0.015, 0.10, 0.012, 0.30),
    3: Brush(0.020, 0.15, 0.018, 0.45),
    4: Brush(0.025, 0.20, 0.024, 0.60),
    5: Brush(0.030, 0.25, 0.030, 0.75),
}
"""By severity."""

WAVES = 10  # of a contour, along the shorter side
BLOTCHES = (8, 20)  # of pigment, along the shorter side: washes and grain


def apply(image: Pixels, params: Params, rng: np.random.Generator) -> Pixels:
    """Return `image`, uint8 [height, width, 3] in RGB, as a watercolour whose contours and washes `rng` draws."""
    brush, (height, width) = BRUSHES[params.severity], image.shape[:2]
    side = min(height, width)
    light = image.astype(np.float32) / np.float32(255)
    melted = cv2.bilateralFilter(light, 0, brush.span, brush.extent * side, borderType=cv2.BORDER_REFLECT)
    columns, rows = (np.arange(length, dtype=np.float32) for length in (width, height))
    reach = brush.wobble * side
    across = columns[None, :] + reach * _noise(height, width, WAVES, rng)
    down = rows[:, None] + reach * _noise(height, width, WAVES, rng)
    wobbling = cv2.remap(melted, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    washes, grain = (_noise(height, width, count, rng) for count in BLOTCHES)
    missing = brush.thinning * (1 + (washes + grain) / 2) / 2
    painted = 1 - (1 - missing[:, :, None]) * (1 - wobbling)
    return np.round(np.clip(painted, 0, 1) * 255).astype(np.uint8)


def _noise(height: int, width: int, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return smooth noise between -1 and 1, [height, width], with `count` random values along the shorter side."""
    scale = count / min(height, width)
    lattice = rng.uniform(-1, 1, (max(2, round(height * scale)), max(2, round(width * scale))))
    smooth = cv2.resize(lattice.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(smooth, -1, 1))
