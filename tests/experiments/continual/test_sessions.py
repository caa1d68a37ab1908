"""Which classes a session has: all of them once, by a hash; what cannot be learnt is one line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.errors import UserError
from crossmodal.experiments.continual.params import Params
from crossmodal.experiments.continual.sessions import sessions_of

WHERE = Path("train.parquet")


def room(**values: object) -> Params:
    return Params.model_validate({"dataset": "digits", "sessions": 3, "shots": 2, **values})


def labels(count: int, images: int = 2) -> list[str]:
    return [f"class {number}" for number in range(count) for _ in range(images)]


@given(st.integers(3, 30), st.integers(1, 3), st.integers(0, 5))
def test_each_class_is_in_one_session_and_sessions_are_of_like_size(
    classes: int, sessions: int, order: int
) -> None:
    found = sessions_of(labels(classes), room(sessions=sessions), order, WHERE)
    assert sorted(name for own in found for name in own) == sorted(set(labels(classes)))
    assert len(found) == sessions and max(map(len, found)) - min(map(len, found)) <= 1


def test_the_order_of_the_images_has_no_part_and_another_order_is_another_deal() -> None:
    names = labels(12)
    assert sessions_of(names, room(), 0, WHERE) == sessions_of(names[::-1], room(), 0, WHERE)
    assert sessions_of(names, room(), 0, WHERE) != sessions_of(names, room(), 1, WHERE)


def test_sessions_can_be_written_down() -> None:
    found = sessions_of(labels(4), room(classes=[["class 3"], ["class 0", "class 1"]]), 0, WHERE)
    assert found == [["class 3"], ["class 0", "class 1"]]


@pytest.mark.parametrize(
    ("names", "values", "message"),
    [
        (["a", "a", "b"], {}, 'class "b" has 1 training images, continual.shots is 2 (1 such classes)'),
        (labels(2), {}, "3 sessions, but 2 classes; each session needs one"),
        ([*labels(3), "", ""], {}, "a class without a name (2 images)"),
        ([*labels(3), None], {}, "a class without a name (1 images)"),
        ([*labels(3), "_-"], {}, "a class without a name (1 images)"),
        ([*labels(3), "class_1", "class_1"], {}, 'classes "class 1" and "class_1" have the same name, "class 1"'),
        (labels(3), {"classes": [["class 0"], ["zebra"]]}, 'no image of the class "zebra"'),
        (["a", "a", "b"], {"rare": "leave_out"}, "3 sessions, but 1 classes"),
    ],
)  # fmt: skip
def test_what_cannot_be_learnt_is_one_line(names: list, values: dict, message: str) -> None:
    with pytest.raises(UserError) as error:
        sessions_of(names, room(**values), 0, WHERE)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_rare_classes_can_be_left_out() -> None:
    found = sessions_of([*labels(4), "rare"], room(rare="leave_out"), 0, WHERE)
    assert "rare" not in [name for own in found for name in own]
