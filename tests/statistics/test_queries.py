"""Query results of a set, read back from the file that is written."""

from dataclasses import dataclass

import numpy as np
import pyarrow.parquet as pq
import pytest

from crossmodal.errors import UserError
from crossmodal.statistics.metrics import CONCEPT_METRICS
from crossmodal.statistics.panel import Panel, read_result
from crossmodal.statistics.queries import SCHEMA, evaluate_lists, evaluate_set, with_answers
from crossmodal.statistics.records import QueryRecord
from crossmodal.statistics.settings import StatisticsParameters


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


def test_an_image_without_captions_is_searched_and_does_not_ask(tmp_path):
    images = table(["a", "b", "c", "x"], ["a", "b", "c", "x"], ["cat", "dog", "cat", "x"],
                   [[1, 0], [0, 1], [1, 0.2], [0.1, 1]])  # fmt: skip
    evaluate_set(images, CAPTIONS, tmp_path / "q.parquet")
    rows = pq.read_table(tmp_path / "q.parquet").to_pylist()
    assert [row["query_id"] for row in rows if row["direction"] == "image_to_text"] == ["a", "b", "c"]
    assert "x" in {item for row in rows for item in row["top"]}
    whole = with_answers(IMAGES, CAPTIONS)
    assert whole is IMAGES and len(with_answers(images, CAPTIONS).vectors) == 3


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


def test_recall_by_concept_is_written_where_a_whole_gallery_was_ranked(tmp_path):
    evaluate_set(IMAGES, CAPTIONS, tmp_path / "q.parquet")
    evaluate_lists(
        CAPTIONS, IMAGES.ids, IMAGES.labels, np.array([[0], [0], [1], [2]]), tmp_path / "l.parquet"
    )
    ranked, lists = (pq.read_table(tmp_path / name) for name in ("q.parquet", "l.parquet"))
    assert ranked.schema.equals(lists.schema)
    for name in CONCEPT_METRICS:
        assert ranked[name].null_count == 0 and lists[name].null_count == len(lists)
    for path, known in (("q.parquet", True), ("l.parquet", False)):
        record = QueryRecord(
            experiment="peft", cell="full", seed=0, dataset="d", split="test", path=tmp_path / path
        )
        measured = Panel([read_result(record)], StatisticsParameters(resamples=9)).measure("full")
        found = {(key.direction, key.metric) for key in measured if key.metric in CONCEPT_METRICS}
        assert found == ({("image_to_text", name) for name in CONCEPT_METRICS} if known else set())
    shifted = record.model_copy(update={"variant": "fog-3", "path": tmp_path / "q.parquet"})
    assert not {m for s in read_result(shifted).sums.values() for m in s.metrics} & set(CONCEPT_METRICS)
