"""Query results of a set, read back from the file that is written."""

from dataclasses import dataclass

import numpy as np
import pyarrow.parquet as pq
import pytest

from crossmodal.errors import UserError
from crossmodal.statistics.queries import SCHEMA, evaluate_lists, evaluate_set


@dataclass(frozen=True)
class Table:
    ids: list[str]
    image_ids: list[str]
    labels: list[str]
    vectors: np.ndarray


def table(ids, image_ids, labels, vectors):
    vectors = np.asarray(vectors, dtype=np.float32)
    return Table(ids, image_ids, labels, vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


IMAGES = table(["a", "b", "c"], ["a", "b", "c"], ["cat", "dog", "cat"], [[1, 0], [0, 1], [1, 0.2]])
CAPTIONS = table(
    ["a#0", "a#1", "b#0", "c#0"], ["a", "a", "b", "c"], ["cat", "cat", "dog", "cat"],
    [[1, 0.1], [0.1, 1], [0, 1], [0.2, 1]],
)  # fmt: skip


def test_both_directions_and_all_captions(tmp_path):
    evaluate_set(IMAGES, CAPTIONS, tmp_path / "q.parquet")
    stored = pq.read_table(tmp_path / "q.parquet")
    assert stored.schema.equals(SCHEMA)
    rows = {(row["direction"], row["query_id"]): row for row in stored.to_pylist()}
    assert len(rows) == len(stored) == 7
    assert [rows["text_to_image", i]["recall@1"] for i in CAPTIONS.ids] == [1, 0, 1, 0]
    assert [rows["image_to_text", i]["recall@1"] for i in IMAGES.ids] == [1, 1, 1]
    # Either cat image is a positive of a cat caption: the label decides, not the pair.
    assert rows["text_to_image", "a#0"]["rank"] == 1 and rows["text_to_image", "a#1"]["rank"] == 2
    assert rows["text_to_image", "a#1"]["cluster"] == "a" and rows["image_to_text", "b"]["cluster"] == "b"
    assert rows["image_to_text", "b"]["top"][0] == "b#0" and len(rows["image_to_text", "b"]["top"]) == 4


def test_the_same_bytes_twice(tmp_path):
    for name in ("1", "2"):
        evaluate_set(IMAGES, CAPTIONS, tmp_path / name)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_lists_leave_the_rank_null_where_nothing_was_found(tmp_path):
    lists = np.array([[0, 1], [1, -1], [1, 0], [1, 2]])
    evaluate_lists(CAPTIONS, IMAGES.ids, IMAGES.labels, lists, tmp_path / "q.parquet")
    stored = pq.read_table(tmp_path / "q.parquet").to_pydict()
    assert stored["rank"] == [1, None, 1, 2]
    assert stored["top"] == [["a", "b"], ["b"], ["b", "a"], ["b", "c"]]
    assert set(stored["direction"]) == {"text_to_image"}


def test_bad_tables_are_one_line(tmp_path):
    empty = Table([], [], [], np.zeros((0, 2), dtype=np.float32))
    with pytest.raises(UserError, match="no images"):
        evaluate_set(empty, CAPTIONS, tmp_path / "q.parquet")
    wide = table(["a"], ["a"], ["cat"], [[1, 0, 0]])
    with pytest.raises(UserError, match="one model"):
        evaluate_set(wide, CAPTIONS, tmp_path / "q.parquet")
