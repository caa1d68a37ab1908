"""Corpus, queries and judgements, as BEIR and MTEB have them."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from crossmodal import registry
from crossmodal.errors import UserError
from dataset_files import Item, beir, mteb, read
from picture_files import photo


@pytest.fixture
def values(tmp_path: Path) -> dict[str, Any]:
    items = [Item("a.jpg", photo(), ["one", "two"], "test"), Item("b.jpg", photo(), ["three"], "val")]
    return beir(tmp_path, items)


def add(path: Path, line: str) -> None:
    path.write_text(path.read_text().rstrip("\n") + f"\n{line}\n")


def test_relevant_texts_are_captions(values: dict[str, Any], tmp_path: Path) -> None:
    for line in ("q2\ta.jpg\t2", "q0\tb.jpg\t0", "q0\ta.jpg\t1"):
        add(tmp_path / "qrels/test.tsv", line)
    parts, rejects = read(values)
    assert {e.image_id: e.captions for e in parts["test"]} == {"a.jpg": ["one", "two", "three"]}
    assert {e.image_id: e.captions for e in parts["val"]} == {"b.jpg": ["three"]}
    assert rejects == {}


def test_images_may_be_the_queries_and_texts_have_titles(tmp_path: Path) -> None:
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([("id", pa.string()), ("modality", pa.string()), ("image", image)])
    queries = [{"id": "i1", "modality": "image", "image": {"bytes": photo(), "path": None}}]
    pq.write_table(pa.Table.from_pylist(queries, schema=schema), tmp_path / "query.parquet")
    corpus = [{"_id": "d1", "title": "Dogs", "text": "run"}, {"_id": "d2", "title": "", "text": "A cat"}]
    (tmp_path / "corpus.jsonl").write_text("\n".join(map(json.dumps, corpus)))
    (tmp_path / "test.tsv").write_text("query-id\tcorpus-id\tscore\ni1\td2\t1\ni1\td1\t1\n")
    parts, rejects = read(
        {
            "kind": "mteb", "images_in": "queries", "corpus": [str(tmp_path / "corpus.jsonl")],
            "queries": [str(tmp_path / "query.parquet")], "qrels": {"test": [str(tmp_path / "test.tsv")]},
        }
    )  # fmt: skip
    assert [(e.image_id, e.captions) for e in parts["test"]] == [("i1", ["A cat", "Dogs run"])]
    assert rejects == {}


@pytest.mark.parametrize("form", [beir, mteb])
def test_images_without_a_query_are_left_aside_or_searched(form: Any, tmp_path: Path) -> None:
    items = [Item("a.jpg", photo(), split="test"), Item("c.jpg", photo(), [], "test")]
    params = registry.parse("data", form(tmp_path, items))
    sources = {name: Path(path) for name, path in params.files().items()}
    built = registry.load("data", "mteb").build(params, sources)
    assert [example.image_id for example in built.splits["test"]] == ["a.jpg"] and built.rejects == []
    assert built.sheet["facts"] == {"images that no judgement names, left aside": 1}
    parts, _ = read({**form(tmp_path, items), "distractors": True})
    assert [(e.image_id, e.captions) for e in parts["test"]] == [("a.jpg", ["a thing"]), ("c.jpg", [])]


def test_a_text_of_several_images_is_rejected(tmp_path: Path) -> None:
    items = [Item(name, photo(), [f"text of {name}"], "test") for name in ("a.jpg", "b.jpg")]
    values = beir(tmp_path, items)
    add(tmp_path / "qrels/test.tsv", "q0\tb.jpg\t1")
    parts, rejects = read(values)
    assert {e.image_id: e.captions for e in parts["test"]} == {"b.jpg": ["text of b.jpg"]}
    assert rejects["q0"] == "a text of 2 images; a caption here belongs to one"


def test_judgements_of_what_is_not_there_are_rejected(values: dict[str, Any], tmp_path: Path) -> None:
    for line in ("q9\ta.jpg\t1", "q2\tz.jpg\t1", "q0\ta.jpg\tyes", "q0\ta.jpg\tnan", "q0\ta.jpg"):
        add(tmp_path / "qrels/test.tsv", line)
    add(tmp_path / "queries.jsonl", "{")
    parts, rejects = read(values)
    assert [len(parts[split]) for split in ("train", "val", "test")] == [0, 1, 1]
    assert rejects == {
        "test.tsv, row 3": "judges the text 'q9', which is not in its file",
        "z.jpg": "judged, and not in the files of images",
        "test.tsv, row 5": "score 'yes' is no number",
        "test.tsv, row 6": "score 'nan' is no number",
        "q0": "2 columns where the first line has 3",
        "queries.jsonl, line 4": "not an object of JSON",
    }


def test_an_image_in_two_splits_is_rejected_where_it_is_met_second(
    values: dict[str, Any], tmp_path: Path
) -> None:
    add(tmp_path / "qrels/val.tsv", "q0\ta.jpg\t1")
    parts, rejects = read(values)
    assert [e.captions for e in parts["test"]] == [["one", "two"]]
    assert rejects == {"val.tsv, row 2": "judges 'a.jpg', an image of the split test"}


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        (
            "corpus.jsonl",
            '{"key": "a"}',
            r"corpus\.jsonl: no column with an id, _id or id; its columns are: key",
        ),
        (
            "corpus.jsonl",
            '{"_id": "a"}',
            r"corpus\.jsonl: no column with an image, image; its columns are: _id",
        ),
        ("queries.jsonl", '{"_id": "a", "query": "x"}', r"queries\.jsonl: no column with a text, text;"),
        (
            "qrels/test.tsv",
            "q0\ta.jpg\t1\nq1\ta.jpg\t1\n",
            r"test\.tsv: no column with a query, query-id or query_id",
        ),
        ("qrels/test.tsv", "", r"test\.tsv: no row in it"),
        ("corpus.jsonl", "", r"corpus\.jsonl: no row in it"),
    ],
)
def test_a_file_of_another_form_is_one_line(
    file: str, text: str, message: str, values: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / file).write_text(text)
    with pytest.raises(UserError, match=message) as error:
        read(values)
    assert "\n" not in str(error.value)


def test_missing_files_are_one_line(values: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^corpus: no file matches"):
        read({**values, "corpus": [str(tmp_path / "none-*")]})
    with pytest.raises(UserError, match=r"none\.jsonl: no such file"):
        read({**values, "queries": [str(tmp_path / "none.jsonl")]})
    with pytest.raises(ValidationError, match="split and qrels both say"):
        registry.parse("data", {**values, "split": {"train": 0.0, "val": 0.0, "test": 1.0}})
