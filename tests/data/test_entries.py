"""From what any reader lists to a dataset: nothing is lost, nothing is there twice."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal import registry
from crossmodal.data.built import Built, Reject
from crossmodal.data.entries import About, Entry, assemble
from crossmodal.data.tables import SPLITS
from crossmodal.errors import UserError
from picture_files import photo

PHOTO = photo()
IDS = st.sampled_from(["a", "A", "b/c", "d.e", "é", "", " ", "half \ud83d", "nul\0"])
CAPTIONS = st.lists(st.sampled_from(["a dog", "", "\u200b", "half \ud83d", None, 3]), max_size=3)
LABELS = st.sampled_from([None, None, "dog", "", "\ud83d"])
LISTS = st.lists(st.tuples(IDS, CAPTIONS, LABELS, st.booleans(), st.sampled_from(SPLITS)), max_size=12)
SHARES = {"train": 0.4, "val": 0.2, "test": 0.4}


def unreadable() -> bytes:
    raise ValueError("no such file")


def dataset(listed: list[Any], shares: bool, **values: Any) -> Built:
    entries = [
        Entry(name, captions, (lambda: PHOTO) if whole else unreadable, None if shares else split, label)
        for name, captions, label, whole, split in listed
    ]
    splits = {"split": SHARES} if shares else {"splits": {"train": "train"}}
    params = registry.parse("data", {"kind": "imagefolder", "folder": "x", **splits, **values})

    def read(split: str | None) -> Iterator[Entry | Reject]:
        return (entry for entry in entries if split in (None, entry.split) or entry.split is None)

    about = About("here", "A title", "What it is.", "Captions.", "Splits.", ["Its limits."])
    return assemble(params, read, about)


@given(LISTS, st.booleans(), st.sampled_from([0.0, 0.5]))
@settings(max_examples=200)
def test_each_entry_is_an_example_or_a_reject(listed: list[Any], shares: bool, val_from_train: float) -> None:
    try:
        built = dataset(listed, shares, val_from_train=val_from_train)
    except UserError as error:
        assert str(error).startswith("here has no image with all that it needs") and "\n" not in str(error)
        return
    parts = {split: list(built.splits[split]) for split in SPLITS}
    found = Counter(example.image_id for part in parts.values() for example in part)
    assert found.total() + len(built.rejects) == len(listed)
    assert set(found.values()) <= {1}
    for reject in built.rejects:
        (reject.image_id + reject.path + reject.reason).encode("utf-8")
    for example in (example for part in parts.values() for example in part):
        assert example.captions and set(example.captions) == {"a dog"}
        assert example.label in (example.image_id, "dog") and example.image == PHOTO


@given(st.integers(1, 40), st.integers(1, 60), st.booleans())
@settings(max_examples=50)
def test_a_limit_is_met_but_for_rounding_and_keeps_the_order(count: int, limit: int, shares: bool) -> None:
    listed = [(f"{i:02}", ["a dog"], None, True, SPLITS[i % 3]) for i in range(count)]
    built = dataset(listed, shares, limit=limit)
    kept = [[example.image_id for example in built.splits[split]] for split in SPLITS]
    assert min(count, limit) <= sum(map(len, kept)) <= min(count, limit + 2)
    assert all(part == sorted(part) for part in kept)


def test_expected_counts_hold_what_was_refused_and_what_limits_leave_out() -> None:
    listed = [
        ("a", ["a dog"] * 5, None, True, "train"),
        ("b", [], None, True, "train"),
        ("a", ["x"], None, True, "test"),
    ]
    built = dataset(listed, False, expected={"images": 2, "captions": 5, "train": 1}, limit=1)
    assert built.sheet["facts"]["expected images, and found"] == 2
    with pytest.raises(UserError, match=r"^expected\.labels: the files list 1 labels where 2 are expected"):
        dataset(listed, False, expected={"labels": 2})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"kind": "imagefolder", "folder": "x", "split": {}}, True),
        ({"kind": "class_lists", "images": "x", "split_file": "y"}, True),
        ({"kind": "parquet", "tables": {"test": ["x"]}}, False),
        ({"kind": "parquet", "tables": {"test": ["x"]}, "columns": {"label": "person"}}, False),
        (
            {"kind": "parquet", "tables": {"test": ["x"]}, "columns": {"label": "c"}, "templates": ["a {}"]},
            True,
        ),
        ({"kind": "coco", "root": "x", "parts": {"val2017": "test"}}, False),
        ({"kind": "coco", "root": "x", "parts": {"val2017": "test"}, "labels": "category"}, True),
        ({"kind": "webdataset", "shards": {"test": ["x"]}}, False),
        ({"kind": "karpathy", "images": "x", "split_file": "y"}, False),
        ({"kind": "emoji", "styles": ["noto"]}, True),
    ],
)
def test_labels_are_classes_where_they_are_names_in_words(values: dict[str, Any], expected: bool) -> None:
    assert registry.parse("data", values).has_classes() is expected
