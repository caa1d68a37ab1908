"""Loss of resolution: the image is shrunk with antialiasing and enlarged to its old size again."""

import numpy as np
from PIL import Image

from crossmodal.data.images import Pixels
from crossmodal.shifts.resolution_params import Params


def apply(image: Pixels, params: Params, rng: np.random.Generator) -> Pixels:
    """Return `image`, uint8 [height, width, 3], as it looks at `size` px; unchanged if it is no larger."""
    height, width = image.shape[:2]
    scale = params.size / min(height, width)
    if scale >= 1:
        return image
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    shrunk = Image.fromarray(image).resize(small, Image.Resampling.BICUBIC)
    return np.asarray(shrunk.resize((width, height), Image.Resampling.BICUBIC))
