"""The 19 corruptions: all work at every size, depend on their generator alone and leave no trace."""

from typing import get_args

import numpy as np
import pytest

from crossmodal.shifts.corruption_params import Corruption

NAMES = get_args(Corruption)
RANDOM = {
    "gaussian_noise", "shot_noise", "impulse_noise", "glass_blur", "motion_blur", "snow", "frost", "fog",
    "elastic_transform", "speckle_noise", "spatter",
}  # fmt: skip


def test_there_are_nineteen():
    assert len(set(NAMES)) == 19


@pytest.mark.parametrize("name", NAMES)
def test_every_severity_and_size_gives_an_image(shift, photograph, name):
    for size in ((32, 32), (48, 48), (33, 47), (104, 120)):
        image = photograph(*size)
        image.setflags(write=False)  # a shift that wrote into its input would fail here
        for severity in range(1, 6) if size[0] < 100 else (1, 5):
            shifted = shift(image, "corruption", name=name, severity=severity)
            assert shifted.shape == image.shape and shifted.dtype == np.uint8
            assert not np.array_equal(shifted, image)
            assert shifted.max() > 0


@pytest.mark.parametrize("name", NAMES)
def test_the_result_depends_on_the_generator_alone(shift, photograph, name):
    image = photograph(40, 48)
    first = shift(image, "corruption", seed=1, name=name, severity=3)
    np.random.seed(99)  # noqa: NPY002 - the state that must not matter
    again = shift(image, "corruption", seed=1, name=name, severity=3)
    np.testing.assert_array_equal(first, again)
    differs = not np.array_equal(first, shift(image, "corruption", seed=2, name=name, severity=3))
    assert differs == (name in RANDOM)


@pytest.mark.parametrize("name", NAMES)
def test_the_global_generator_is_put_back(shift, photograph, name):
    np.random.seed(7)  # noqa: NPY002
    before = np.random.get_state()  # noqa: NPY002
    shift(photograph(32, 32), "corruption", name=name, severity=2)
    after = np.random.get_state()  # noqa: NPY002
    assert before[0] == after[0] and before[2:] == after[2:]
    np.testing.assert_array_equal(before[1], after[1])


def test_spatter_on_small_images_never_turns_black(shift):
    white = np.full((32, 32, 3), 255, np.uint8)
    spattered = [shift(white, "corruption", seed=s, name="spatter", severity=1) for s in range(150)]
    assert min(image.mean() for image in spattered) > 100


@pytest.mark.parametrize("name", NAMES)
def test_images_below_the_smallest_size_keep_their_size(shift, photograph, name):
    assert shift(photograph(20, 64), "corruption", name=name, severity=3).shape == (20, 64, 3)


@pytest.mark.parametrize(
    "name", ["gaussian_noise", "shot_noise", "contrast", "defocus_blur", "impulse_noise"]
)
def test_severity_orders_the_damage(shift, photograph, name):
    image = photograph(64, 64)
    damage = [
        np.abs(shift(image, "corruption", name=name, severity=s).astype(int) - image).mean()
        for s in range(1, 6)
    ]
    assert damage == sorted(damage)
