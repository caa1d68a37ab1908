"""Which images are learnt from: as many of each class, fewer a part of more, another draw others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.data.shots import check_shots, check_splits, classes_of, draw_shots
from crossmodal.errors import UserError

LABELS = st.lists(st.sampled_from("abc"), max_size=40)


@given(labels=LABELS, shots=st.integers(1, 8), more=st.integers(0, 4), draw=st.integers(0, 99))
def test_fewer_shots_are_a_part_of_more(labels: list[str], shots: int, more: int, draw: int) -> None:
    ids = [f"image-{n}" for n in range(len(labels))]
    few, many = (draw_shots(ids, labels, count, draw) for count in (shots, shots + more))
    assert set(few) <= set(many) and len(set(few)) == len(few)
    for label in set(labels):
        assert sum(labels[n] == label for n in few) == min(shots, labels.count(label))
    assert [labels[n] for n in few] == sorted(labels[n] for n in few)


@given(draw=st.integers(0, 99))
def test_a_draw_depends_on_names_and_not_on_their_order(draw: int) -> None:
    ids, labels = [f"image-{n}" for n in range(30)], ["a", "b", "c"] * 10
    chosen = [ids[n] for n in draw_shots(ids, labels, 4, draw)]
    turned = draw_shots(ids[::-1], labels[::-1], 4, draw)
    assert chosen == [ids[::-1][n] for n in turned]
    assert chosen != [ids[n] for n in draw_shots(ids, labels, 4, draw + 100)]


def test_a_class_with_fewer_images_than_shots_is_named() -> None:
    with pytest.raises(UserError) as told:
        check_shots(["cat"] * 3 + ["dog"] * 5 + ["owl"], 4, "drawings, train split")
    assert str(told.value) == (
        "drawings, train split: class 'owl' has 1 images, fewer than the 4 that are asked for, and 1 more classes "
        "are short of it; ask for fewer shots, leave out small classes (min_images of the dataset), or take all "
        "of their images (short_classes: all)"
    )
    check_shots(["cat"] * 3, 3, "drawings")


def test_every_class_is_in_every_split() -> None:
    with pytest.raises(UserError) as told:
        check_splits({"train": ["a", "b", "c"], "val": ["c", "c"]}, "drawings")
    assert str(told.value).startswith("drawings: class 'a' has no image in the val split (2 such classes); ")
    check_splits({"train": ["a", "b"], "test": ["b", "a", "a"]}, "drawings")


def test_an_image_without_a_class_is_counted() -> None:
    with pytest.raises(UserError, match="drawings: 2 images have no class"):
        classes_of(["cat", " ", None], "drawings")
    assert classes_of(["owl", "cat", "owl"], "drawings") == ["cat", "owl"]
