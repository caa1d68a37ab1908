from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from crossmodal.data.base import Splits
from crossmodal.data.splits import assign, assign_within, rank, split_of


@st.composite
def shares(draw: st.DrawFn) -> Splits:
    train = draw(st.integers(0, 100))
    val = draw(st.integers(0, 100 - train))
    values = {"train": train / 100, "val": val / 100, "test": (100 - train - val) / 100}
    return Splits(**values, seed=draw(st.integers(0, 5)))


NAMES = st.sets(st.text(min_size=1, max_size=8), max_size=60)


@given(names=NAMES, splits=shares())
def test_shares_are_met_to_the_nearest_whole_number(names: set[str], splits: Splits) -> None:
    counts = Counter(assign(names, splits).values())
    assert counts.total() == len(names)
    for split in ("train", "val", "test"):
        assert abs(counts[split] - len(names) * getattr(splits, split)) <= 1


@given(names=NAMES, splits=shares())
def test_order_and_repetition_of_the_names_do_not_matter(names: set[str], splits: Splits) -> None:
    ordered = sorted(names)
    assert assign(ordered, splits) == assign([*reversed(ordered), *ordered], splits)


@given(names=NAMES, splits=shares(), limit=st.integers(1, 80))
def test_a_limit_keeps_items_in_their_split(names: set[str], splits: Splits, limit: int) -> None:
    whole, part = assign(names, splits), assign(names, splits, limit)
    assert part.items() <= whole.items()
    assert abs(len(part) - min(limit, len(names))) <= 2


@settings(max_examples=20)
@given(names=NAMES, new=st.text(min_size=9, max_size=12), splits=shares())
def test_a_new_name_moves_few_old_ones(names: set[str], new: str, splits: Splits) -> None:
    before, after = assign(names, splits), assign({*names, new}, splits)
    assert sum(after[name] != split for name, split in before.items()) <= 2


def test_the_split_is_pinned() -> None:
    """Another hash would silently change every published number."""
    assert rank("octopus", 0) == pytest.approx(0.17782049127179922, abs=1e-12)


def test_split_of_meets_the_shares_on_average() -> None:
    splits = Splits(train=0.5, val=0.2, test=0.3, seed=3)
    counts = Counter(split_of(f"scene {i}", splits) for i in range(4000))
    assert counts["train"] / 4000 == pytest.approx(0.5, abs=0.03)
    assert counts["val"] / 4000 == pytest.approx(0.2, abs=0.03)
    assert counts["test"] / 4000 == pytest.approx(0.3, abs=0.03)


def test_shares_must_sum_to_one() -> None:
    with pytest.raises(ValidationError, match=r"must sum to 1, they sum to 0\.9"):
        Splits(train=0.5, val=0.1, test=0.3)


@pytest.mark.parametrize("folds, test", [(2, 0.5), (3, 0.3), (4, 0.25)])
def test_folds_turn_what_is_tested(folds: int, test: float) -> None:
    """Each fold has splits of the same sizes, no two test splits share a name, and fold 0 is the plain split."""
    names = [f"concept-{i}" for i in range(200)]
    parts = {"train": 0.9 - test, "val": 0.1, "test": test}
    plain = Splits(**parts)
    assigned = [assign(names, Splits(**parts, folds=folds, fold=k)) for k in range(folds)]
    assert assigned[0] == assign(names, plain)
    tested = [{name for name, split in fold.items() if split == "test"} for fold in assigned]
    assert {len(part) for part in tested} == {round(200 * test)}
    assert len(set().union(*tested)) == folds * round(200 * test)
    streamed = [
        {name for name in names if split_of(name, Splits(**parts, folds=folds, fold=k)) == "test"}
        for k in range(folds)
    ]
    assert sum(map(len, streamed)) == len(set().union(*streamed))
    assert streamed[0] == {name for name in names if split_of(name, plain) == "test"}


def test_folds_that_overlap_or_do_not_exist_are_errors() -> None:
    with pytest.raises(
        ValueError, match=r"4 folds with 0\.3 of all in each test split would overlap; test may be 0\.25"
    ):
        Splits(folds=4)
    with pytest.raises(ValueError, match="fold 3 of 3: folds are counted from 0"):
        Splits(folds=3, fold=3)


CLASSES = st.dictionaries(
    st.sampled_from("abcdef"), st.sets(st.text("xyz", min_size=1, max_size=6), max_size=30), max_size=5
).map(lambda classes: {label: {f"{label}/{name}" for name in names} for label, names in classes.items()})
"""Classes that share no name."""


@given(classes=CLASSES, splits=shares())
def test_within_classes_every_name_has_one_split_and_every_class_its_shares(
    classes: dict[str, set[str]], splits: Splits
) -> None:
    found = assign_within(classes, splits)
    assert found.keys() == set().union(*classes.values())
    for names in classes.values():
        counts = Counter(found[name] for name in names)
        for split in ("train", "val", "test"):
            assert abs(counts[split] - len(names) * getattr(splits, split)) <= 1


@given(classes=CLASSES, new=st.sets(st.text("xyz", min_size=1, max_size=6), max_size=30), splits=shares())
def test_a_new_class_moves_no_name_of_another(
    classes: dict[str, set[str]], new: set[str], splits: Splits
) -> None:
    more = {"new": {f"new/{name}" for name in new}, **classes}
    assert assign_within(classes, splits).items() <= assign_within(more, splits).items()


@given(names=NAMES, splits=shares())
def test_one_class_is_split_as_all_are(names: set[str], splits: Splits) -> None:
    assert assign_within({"only": names}, splits) == assign(names, splits)


def test_a_name_in_two_classes_is_refused() -> None:
    with pytest.raises(ValueError, match="dog: in class pets and in one before; a name is in one class"):
        assign_within({"mammals": ["dog", "whale"], "pets": ["dog", "parrot"]}, Splits())
