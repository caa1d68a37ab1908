"""The 19 corruptions of ImageNet-C (Hendrycks and Dietterich 2019), drawn by the package imagecorruptions.

The distribution is `imagecorruptions-imaug`, a maintained fork with the same module, functions and severities.
The original imagecorruptions 1.1.2 (2020) needs pkg_resources, which current setuptools no longer has, and
fails for three of the nineteen: `glass_blur` and `gaussian_blur` pass `multichannel` to scikit-image, which
became `channel_axis`, and `fog` uses `np.float_`, which NumPy 2 removed. The fork mends these three.

What is adapted here: the package draws from NumPy's global generator, which is seeded from `rng` for the
call and put back afterwards; `impulse_noise` and `glass_blur` draw from the operating system unless they are
given a seed, so they are; and on small images `spatter` may draw no drop at all and divide by zero, which
would make the image black, so it draws again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from imagecorruptions import corruption_dict
from PIL import Image

from crossmodal.data.images import Pixels
from crossmodal.shifts.corruption_params import Params

SMALLEST = 32  # px; below it the kernels exceed the image
SEEDED = ("impulse_noise", "glass_blur")  # these take their seed as an argument
DRAWS = 1000  # spatter at 32 px fails in about one draw of forty


def apply(image: Pixels, params: Params, rng: np.random.Generator) -> Pixels:
    """Return `image`, uint8 [height, width, 3] in RGB, corrupted; the same for the same state of `rng`.

    An image with a side below 32 px is padded by its edge for the call and cropped back. Not for several
    threads at once, since the global generator is borrowed. The first call of `glass_blur` in a process
    compiles its loop (three seconds).
    """
    height, width = image.shape[:2]
    below, right = max(0, SMALLEST - height), max(0, SMALLEST - width)
    padded = np.pad(image, ((0, below), (0, right), (0, 0)), mode="edge") if below or right else image
    corrupted = _corrupt(Image.fromarray(padded), params, rng)
    return np.ascontiguousarray(corrupted[:height, :width])


def _corrupt(image: Image.Image, params: Params, rng: np.random.Generator) -> Pixels:
    function = corruption_dict[params.name]
    for _ in range(DRAWS):
        seed = int(rng.integers(2**32))
        given: dict[str, Any] = {"seed": seed} if params.name in SEEDED else {}
        with _global_generator(seed), np.errstate(invalid="ignore"):
            values = np.asarray(function(image, params.severity, **given))
        if np.isfinite(values).all():
            return values.astype(np.uint8)
    raise ValueError(f"{params.name}: {DRAWS} draws left no image")


@contextmanager
def _global_generator(seed: int) -> Iterator[None]:
    """Seed NumPy's global generator, and put back its state at the end."""
    state = np.random.get_state()  # noqa: NPY002 - what the package draws from
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
