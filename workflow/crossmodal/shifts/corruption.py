"""The 19 corruptions of ImageNet-C (Hendrycks and Dietterich 2019), drawn by the package imagecorruptions.

The distribution is `imagecorruptions-imaug`, a maintained fork with the same module, functions and severities.
The original imagecorruptions 1.1.2 (2020) needs pkg_resources, which current setuptools no longer has, and
fails for three of the nineteen: `glass_blur` and `gaussian_blur` pass `multichannel` to scikit-image, which
became `channel_axis`, and `fog` uses `np.float_`, which NumPy 2 removed. The fork mends exactly these, so
nothing is adapted here but the random numbers: the package draws from the global generators, which are
seeded from `rng` for the call and put back afterwards.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from imagecorruptions import corrupt

from crossmodal.data.images import Pixels
from crossmodal.shifts.corruption_params import Params

SMALLEST = 32  # px; below it the package refuses or its kernels exceed the image


def apply(image: Pixels, params: Params, rng: np.random.Generator) -> Pixels:
    """Return `image`, uint8 [height, width, 3] in RGB, corrupted; the same for the same state of `rng`.

    An image with a side below 32 px is padded by its edge for the call and cropped back.
    """
    height, width = image.shape[:2]
    below, right = max(0, SMALLEST - height), max(0, SMALLEST - width)
    padded = np.pad(image, ((0, below), (0, right), (0, 0)), mode="edge") if below or right else image
    with _global_generators(int(rng.integers(2**32))):
        corrupted = corrupt(padded, severity=params.severity, corruption_name=params.name)
    return np.ascontiguousarray(corrupted[:height, :width], dtype=np.uint8)


@contextmanager
def _global_generators(seed: int) -> Iterator[None]:
    """Seed Python's and NumPy's global generators, and put back their states at the end."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - what the package draws from
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
