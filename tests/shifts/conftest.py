"""Images to shift, and a shift by its parameters."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crossmodal import registry
from crossmodal.data.images import open_rgb

PHOTOGRAPHS = Path(__file__).parents[3] / "shared" / "data" / "flickr8k-sample" / "images"


@pytest.fixture(scope="session")
def photographs():
    """Return real photographs by name, at most 96 px a side; skips where there are none."""
    files = sorted(PHOTOGRAPHS.glob("*.jpg"))[:4]
    if not files:
        pytest.skip("no photographs here")
    found = {}
    for file in files:
        image = open_rgb(file.read_bytes())
        image.thumbnail((96, 96))
        found[file.stem] = np.array(image)
    return found


def _photograph(height, width):
    """Return a smooth, coloured, textured image, uint8 [height, width, 3]."""
    rng = np.random.default_rng(height * 1000 + width)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    waves = [128 + 90 * np.sin(6 * (x * a + y * b) + c) for a, b, c in rng.uniform(0.3, 2, (3, 3))]
    return np.clip(np.stack(waves, axis=-1) + rng.normal(0, 8, (height, width, 3)), 0, 255).astype(np.uint8)


def _drawing(height, width):
    """Return a flat, outlined, antialiased disc on white, as emoji are drawn, uint8 [height, width, 3]."""
    y, x = np.mgrid[0 : 4 * height, 0 : 4 * width] / 4
    distance = np.hypot(y - height / 2, x - width / 2) / min(height, width)
    image = np.full((4 * height, 4 * width, 3), 255, np.uint8)
    image[distance < 0.4] = 0
    image[distance < 0.36] = (255, 205, 60)
    return np.array(Image.fromarray(image).resize((width, height), Image.Resampling.BOX))


@pytest.fixture
def photograph():
    return _photograph


@pytest.fixture
def drawing():
    return _drawing


@pytest.fixture
def shift():
    """Return a function that applies the shift `kind` with a generator started from `seed`."""

    def apply(image, kind, seed=0, **values):
        params = registry.parse("shifts", {"kind": kind, **values})
        return registry.load("shifts", kind).apply(image, params, np.random.default_rng(seed))

    return apply
