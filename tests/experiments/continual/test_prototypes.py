"""What stands for a class: a slow loop, what is not seen yet, and the nearest mean where names are left out."""

import numpy as np
import pytest

from crossmodal.experiments.continual.answers import Asked, answered, beside, part, together
from crossmodal.experiments.continual.prototypes import prototypes, stand_ins

CLASSES = ["a", "b", "c"]


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


@pytest.fixture
def vectors() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(3)
    return unit(generator.normal(size=(12, 8))), unit(generator.normal(size=(3, 8)))


def test_a_prototype_is_the_mean_of_the_shots_of_a_class(vectors) -> None:
    images, _ = vectors
    labels = [CLASSES[i % 2] for i in range(12)]
    found = prototypes(images, labels)
    assert sorted(found) == ["a", "b"]
    for name, vector in found.items():
        total = sum(images[i] for i in range(12) if labels[i] == name)
        assert vector == pytest.approx(total / np.linalg.norm(total), abs=1e-6)


def test_names_stand_for_what_was_not_seen_and_with_names_alone_for_all(vectors) -> None:
    images, names = vectors
    kept = prototypes(images, ["a"] * 6 + ["c"] * 6)
    assert (stand_ins(CLASSES, names, kept, "names") == names).all()
    shots, both = (stand_ins(CLASSES, names, kept, answers) for answers in ("shots", "both"))
    assert (shots[1] == names[1]).all() and (both[1] == names[1]).all()
    assert (shots[0] == kept["a"]).all()
    assert both[2] == pytest.approx(unit(names[2] + kept["c"]), abs=1e-6)
    assert (stand_ins(CLASSES, names, {}, "both") == names).all()


def asked(images: int) -> Asked:
    numbers = np.arange(images)
    pixels = numbers[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    return Asked(
        "d", "val", "clean", CLASSES, np.array([1, 1, 2]), [f"i{n}" for n in numbers],
        [f"c{n // 2}" for n in numbers], numbers % 3, pixels,
    )  # fmt: skip


def test_an_image_of_a_shots_family_is_not_among_those_beside() -> None:
    found = beside(asked(12), {"i0", "i7"})
    assert found.clusters == ["c1", "c1", "c2", "c2", "c4", "c4", "c5", "c5"]
    assert found.truth.tolist() == [2, 0, 1, 2, 2, 0, 1, 2] and found.pixels[:, 0, 0, 0].tolist()[0] == 2
    assert beside(asked(4), set()).ids == ["i0", "i1", "i2", "i3"] and beside(asked(2), {"i1"}).ids == []


def test_sets_together_are_asked_as_each_is_alone(vectors) -> None:
    images, names = vectors
    first, rest = part(asked(12), np.arange(12) < 5), part(asked(12), np.arange(12) >= 5)
    whole = together(first, rest)
    assert whole.ids == asked(12).ids and (whole.pixels == asked(12).pixels).all()
    one, other = answered(first, images[:5], names, 1), answered(rest, images[5:], names, 1)
    assert answered(whole, images, names, 1).to_pylist() == one.to_pylist() + other.to_pylist()
