"""Folds of the training split: all of a label together, every image in one part and in all other rests."""

from pathlib import Path

import hypothesis.strategies as st
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given

from crossmodal.data.tables import SCHEMA
from crossmodal.errors import UserError
from crossmodal.experiments.search.split_folds import folds_of, main


@given(st.lists(st.text("abc", max_size=3), min_size=4), st.integers(2, 4))
def test_folds_have_equally_many_labels(labels: list[str], folds: int) -> None:
    found = folds_of(labels, folds)
    assert set(found) == set(labels)
    sizes = [list(found.values()).count(fold) for fold in range(folds)]
    assert max(sizes) - min(sizes) <= 1
    assert folds_of(labels[::-1], folds) == found, "whatever the order of the images"


def write(path: Path, labels: list[str]) -> Path:
    rows = [
        {"image_id": f"i{i}", "image": {"bytes": b"x", "path": "x"}, "captions": ["a"], "label": label}
        | {"group": "g", "style": "s"}
        for i, label in enumerate(labels)
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA.with_metadata({"dataset": "d"})), path)
    return path


def ids(path: Path) -> list[str]:
    return pq.read_table(path).column("image_id").to_pylist()


def test_parts_and_rests_are_the_whole(tmp_path: Path) -> None:
    labels = [f"l{i % 7}" for i in range(30)]
    rest, part = ([tmp_path / f"{name}{i}.parquet" for i in range(3)] for name in ("rest", "part"))
    train = write(tmp_path / "train.parquet", labels)
    main(train, rest, part, {"parameters": {"folds": 3}})
    assert sorted(name for path in part for name in ids(path)) == sorted(ids(train))
    for others, own in zip(rest, part, strict=True):
        assert sorted(ids(others) + ids(own)) == sorted(ids(train))
        seen = {labels[int(name[1:])] for name in ids(others)}
        assert not seen & {labels[int(name[1:])] for name in ids(own)}, "no label is on both sides"
        assert pq.read_schema(own).metadata[b"dataset"] == b"d"


def test_too_few_labels_are_named(tmp_path: Path) -> None:
    train = write(tmp_path / "train.parquet", ["a", "a", "b"])
    with pytest.raises(
        UserError, match=r"2 labels cannot be split in 3 folds; set search\.folds to at most 2"
    ):
        main(train, [], [], {"parameters": {"folds": 3}})
