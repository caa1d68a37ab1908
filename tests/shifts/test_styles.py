"""Colour jitter, resolution, painting and sketch."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from PIL import Image

from crossmodal import registry
from crossmodal.shifts.losses import contrast

SEVERE = ("colour_jitter", "stylisation", "pencil_sketch")
SIZES = ((32, 32), (48, 48), (64, 64), (40, 90), (200, 184))


def _damage(shifted, image):
    return float(np.abs(shifted.astype(int) - image).mean())


@pytest.mark.parametrize("kind", SEVERE)
@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
def test_the_shape_stays_and_the_input_is_not_touched(shift, photograph, drawing, kind, severity):
    for size in SIZES:
        for image in (photograph(*size), drawing(*size)):
            image.setflags(write=False)
            shifted = shift(image, kind, severity=severity)
            assert shifted.shape == image.shape and shifted.dtype == np.uint8
            assert not np.array_equal(shifted, image)
            np.testing.assert_array_equal(shifted, shift(image, kind, severity=severity))


@pytest.mark.parametrize("kind", SEVERE)
@given(
    image=arrays(np.uint8, st.tuples(st.integers(32, 60), st.integers(32, 60), st.just(3))),
    severity=st.integers(1, 5),
)
@settings(max_examples=15)
def test_any_image_is_shifted_the_same_way_twice(kind, image, severity):
    params = registry.parse("shifts", {"kind": kind, "severity": severity})
    apply = registry.load("shifts", kind).apply
    once, twice = (apply(image, params, np.random.default_rng(3)) for _ in range(2))
    assert once.shape == image.shape
    np.testing.assert_array_equal(once, twice)


@pytest.mark.parametrize("kind", SEVERE)
@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
def test_what_is_drawn_is_seen_at_every_size(shift, drawing, kind, severity):
    for size in SIZES:
        image = drawing(*size)
        assert contrast(shift(image, kind, severity=severity)) > 0.2 * contrast(image)


@pytest.mark.parametrize("kind", ["stylisation", "pencil_sketch"])
def test_an_empty_sheet_stays_empty(shift, kind):
    for size in SIZES:
        assert shift(np.full((*size, 3), 255, np.uint8), kind, severity=5).min() == 255


def test_severity_orders_sketches_by_ink(shift, photograph, drawing):
    for image in (photograph(64, 64), drawing(64, 64)):
        ink = [255 - shift(image, "pencil_sketch", severity=s).mean() for s in range(1, 6)]
        assert ink == sorted(ink, reverse=True) and ink[-1] < 0.8 * ink[0]


def test_a_sketch_outlines_areas_that_differ_in_colour_alone(shift):
    """Red and blue of one luminance: a grey sketch would have no line between them."""
    image = np.empty((64, 64, 3), np.uint8)
    image[:, :32], image[:, 32:] = (200, 0, 0), (0, 52, 255)
    sketch = shift(image, "pencil_sketch", severity=5).astype(int).sum(axis=2).mean(axis=0)
    assert sketch[30:34].min() < 0.8 * min(sketch[8:24].min(), sketch[40:56].min())


def test_contours_of_a_painting_move_no_farther_than_its_severity_says(shift):
    """A step of 0.6 % of the side: 0.6, 1.2 ... 3 px of 100, and two of antialiasing."""
    image = np.zeros((100, 100, 3), np.uint8)
    image[:, 50:] = 255
    for severity in range(1, 6):
        painted = shift(image, "stylisation", severity=severity)[:, :, 0].astype(int)
        reach = int(np.ceil(0.6 * severity)) + 2
        assert (painted[:, 50 + reach :] == 255).all()
        assert (painted[:, : 50 - reach] < 255 * (0.15 * severity + 0.02)).all()


def test_jitter_grows_with_severity_and_depends_on_the_generator(shift, photograph):
    image = photograph(48, 48)
    mean = [
        np.mean([_damage(shift(image, "colour_jitter", seed=r, severity=s), image) for r in range(20)])
        for s in range(1, 6)
    ]
    assert mean == sorted(mean)
    first, second = (shift(image, "colour_jitter", seed=r, severity=3) for r in (0, 1))
    assert not np.array_equal(first, second)


def test_jitter_keeps_the_drawing_in_place(shift, drawing):
    """Colours change, shapes do not: pixels of one colour stay pixels of one colour."""
    image = drawing(48, 48)
    shifted = shift(image, "colour_jitter", severity=5).reshape(-1, 3)
    for colour in np.unique(image.reshape(-1, 3), axis=0):
        assert len(np.unique(shifted[(image.reshape(-1, 3) == colour).all(axis=1)], axis=0)) == 1


@given(size=st.integers(4, 64), height=st.integers(32, 90), width=st.integers(32, 90))
@settings(max_examples=30)
def test_resolution_equals_shrinking_and_enlarging_by_hand(size, height, width):
    image = np.random.default_rng(size).integers(0, 256, (height, width, 3), dtype=np.uint8)
    params = registry.parse("shifts", {"kind": "resolution", "size": size})
    shifted = registry.load("shifts", "resolution").apply(image, params, np.random.default_rng(0))
    if size >= min(height, width):
        np.testing.assert_array_equal(shifted, image)
        return
    scale = size / min(height, width)
    small = Image.fromarray(image).resize(
        (round(width * scale), round(height * scale)), Image.Resampling.BICUBIC
    )
    assert min(small.size) == size
    np.testing.assert_array_equal(
        shifted, np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))
    )
