"""Images and captions in Parquet files."""

import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from crossmodal import registry
from crossmodal.data.image_files import image_in
from crossmodal.data.parquet_rows import rows
from crossmodal.errors import UserError
from dataset_files import Item, read, table, write
from picture_files import photo

PHOTO = photo()
SHARES = {"train": 1.0, "val": 0.0, "test": 0.0}


def params(*tables: str | Path, **values: Any) -> dict[str, Any]:
    return {"kind": "parquet", "tables": [str(path) for path in tables], "split": SHARES, **values}


def save(
    path: Path, rows: list[dict[str, Any]], metadata: dict[str, Any] | None = None, **options: Any
) -> Path:
    content = pa.Table.from_pylist(rows)
    if metadata:
        content = content.replace_schema_metadata({"huggingface": json.dumps(metadata)})
    pq.write_table(content, path, **options)
    return path


def test_images_are_bytes_structs_or_paths(tmp_path: Path) -> None:
    write(tmp_path / "images/b.jpg", PHOTO)
    save(tmp_path / "0.parquet", [{"image": PHOTO, "caption": "bytes"}])
    save(tmp_path / "1.parquet", [{"image": {"bytes": PHOTO, "path": "x.jpg"}, "caption": "a struct"}])
    save(
        tmp_path / "2.parquet",
        [{"image": {"bytes": None, "path": "b.jpg"}, "caption": "a struct with a path"}],
    )
    save(tmp_path / "3.parquet", [{"image": "b.jpg", "caption": "a path"}])
    parts, rejects = read(params(tmp_path / "*.parquet", images=str(tmp_path / "images")))
    assert {e.image_id: e.captions for e in parts["train"]} == {
        "0/0": ["bytes"], "1/0": ["a struct"], "2/0": ["a struct with a path"], "b.jpg": ["a path"],
    }  # fmt: skip
    assert all(example.image == PHOTO for example in parts["train"]) and rejects == {}


def test_images_of_a_broken_page_are_rejects_though_their_captions_can_be_read(tmp_path: Path) -> None:
    rows = [{"image": PHOTO + bytes([number]), "caption": f"picture {number}"} for number in range(34)]
    options = {
        "row_group_size": 32,  # as many as are read at once
        "write_page_checksum": True,
        "use_dictionary": False,
        "compression": "none",
        "write_statistics": False,
    }
    path = save(tmp_path / "a.parquet", rows, **options)
    content = bytearray(path.read_bytes())
    place = content.rindex(PHOTO) + len(PHOTO) // 2  # in the second row group
    content[place] ^= 0xFF
    path.write_bytes(content)
    parts, rejects = read(params(path))
    assert [example.captions for example in parts["train"]] == [[f"picture {number}"] for number in range(32)]
    assert set(rejects) == {"a/32", "a/33"}
    assert all("breaks off after 32 rows" in why for why in rejects.values())


def test_bytes_of_another_type_are_a_reject() -> None:
    for held in ("aGVsbG8=", 10**10, [1, 2]):
        with pytest.raises(ValueError, match=r"bytes in the row that are a (str|int|list)"):
            image_in({"bytes": held}, None)


def test_files_of_one_name_in_several_folders_are_told_apart(tmp_path: Path) -> None:
    for name in ("train", "test"):
        (tmp_path / name).mkdir()
        save(tmp_path / name / "0000.parquet", [{"image": PHOTO, "caption": name}])
    tables = {name: [str(tmp_path / name / "*.parquet")] for name in ("train", "test")}
    parts, rejects = read(params(split=None, tables=tables))
    found = {split: [example.image_id for example in part] for split, part in parts.items()}
    assert found == {"train": ["train/0000/0"], "val": [], "test": ["test/0000/0"]} and rejects == {}


def test_captions_may_be_several_columns_lists_and_structs(tmp_path: Path) -> None:
    row = {
        "image": PHOTO, "one": "first", "two": ["second", None, "third"],
        "sentences": [{"raw": "fourth", "tokens": ["f"]}, {"raw": "fifth", "tokens": []}],
    }  # fmt: skip
    path = save(tmp_path / "a.parquet", [row])
    columns = {"captions": ["one", "two", "sentences.raw"]}
    (example,) = read(params(path, columns=columns))[0]["train"]
    assert example.captions == ["first", "second", "third", "fourth", "fifth"]


def test_names_of_classes_come_from_hugging_faces_metadata(tmp_path: Path) -> None:
    known = {"info": {"features": {"label": {"names": ["apple_pie", "sushi"], "_type": "ClassLabel"}}}}
    labelled = [{"image": PHOTO, "label": label} for label in (1, 0, -1, 7)]
    path = save(tmp_path / "a.parquet", labelled, known)
    columns = {"label": "label", "captions": []}
    parts, rejects = read(params(path, columns=columns, templates=["a photo of {}."]))
    assert [(e.label, e.captions) for e in parts["train"]] == [
        ("sushi", ["a photo of sushi."]), ("apple pie", ["a photo of apple pie."]),
    ]  # fmt: skip
    assert rejects == {"a/2": "no label", "a/3": "no label"}


def test_splits_and_groups_are_columns(tmp_path: Path) -> None:
    splits = ["train", "restval", "validation", "test", "dev"]
    rows = [
        {"image": PHOTO, "caption": "x", "part": part, "id": i, "country": "PT"}
        for i, part in enumerate(splits)
    ]
    path = save(tmp_path / "a.parquet", rows)
    columns = {"split": "part", "id": "id", "group": "country"}
    named = {"train": "train", "restval": "train", "validation": "val", "test": "test"}
    parts, rejects = read(params(path, split=None, columns=columns, splits=named))
    found = {split: [e.image_id for e in part] for split, part in parts.items()}
    assert found == {"train": ["0", "1"], "val": ["2"], "test": ["3"]}
    assert rejects == {"a/4": "unknown split 'dev'"} and parts["test"][0].group == "PT"


def test_rows_without_an_image_or_with_text_of_another_encoding_are_rejected(tmp_path: Path) -> None:
    texts = pa.array([b"good", b"caf\xe9", b"fine"], pa.binary())
    texts = pa.Array.from_buffers(pa.string(), 3, texts.buffers())
    content = pa.table({"image": pa.array([PHOTO, PHOTO, None], pa.binary()), "caption": texts})
    pq.write_table(content, tmp_path / "a.parquet")
    parts, rejects = read(params(tmp_path / "a.parquet"))
    assert [example.captions for example in parts["train"]] == [["good"]]
    assert rejects == {"a/1": "text is not UTF-8", "a/2": "no image in the row"}


def test_a_column_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    path = save(tmp_path / "a.parquet", [{"image": PHOTO, "captions": "x"}])
    with pytest.raises(
        UserError, match=r'^columns\.captions: .*a\.parquet: got "caption".*did you mean "captions"'
    ) as error:
        read(params(path))
    assert "(accepts: image, captions)" in str(error.value)
    with pytest.raises(UserError, match=r"^columns\.split: "):
        read(params(path, split=None, columns={"captions": ["captions"], "split": "fold"}))
    with pytest.raises(UserError, match=r"^columns\.image: column 'n' of .* is of type int64"):
        read(params(save(tmp_path / "b.parquet", [{"n": 1, "caption": "x"}]), columns={"image": "n"}))
    with pytest.raises(UserError, match=r"^images: column 'image' of .* holds paths; give the folder"):
        read(params(save(tmp_path / "c.parquet", [{"image": "x.jpg", "caption": "x"}])))


@pytest.mark.parametrize("content", [b"", b"PAR1", b"<html>" * 100])
def test_a_file_that_is_no_parquet_is_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.parquet: not a readable Parquet file") as error:
        read(params(tmp_path / "a.parquet"))
    assert "\n" not in str(error.value)
    with pytest.raises(UserError, match=r"^tables: no file matches"):
        read(params(tmp_path / "none-*"))


@given(st.data())
@settings(max_examples=40)
def test_a_damaged_file_is_one_line_or_keeps_what_was_read(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    rows = [{"image": PHOTO, "caption": f"text {i}", "id": i} for i in range(6)]
    path = save(folder / "a.parquet", rows, row_group_size=2, write_page_checksum=True)
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(4, len(content) - 1))
    content[place : place + 20] = b"\xff" * len(content[place : place + 20])
    path.write_bytes(content)
    try:
        parts, _ = read(params(path, columns={"id": "id"}))
    except UserError as error:
        assert "\n" not in str(error)
        return
    assert all(e.captions == [f"text {e.image_id}"] and e.image == PHOTO for e in parts["train"])


def test_row_groups_larger_than_a_batch_are_read_in_pieces(tmp_path: Path) -> None:
    items = [Item(f"{i:03}", PHOTO, [f"text {i}"]) for i in range(150)]
    path = table(tmp_path / "a.parquet", items)
    assert pq.ParquetFile(path).metadata.num_row_groups == 1
    parts, _ = read(params(path, columns={"id": "id", "captions": ["captions"]}))
    assert [(e.image_id, e.captions) for e in parts["train"]] == [
        (item.name, item.captions) for item in items
    ]


def test_a_row_group_is_not_held_as_a_whole(tmp_path: Path) -> None:
    pairs = [{"image": os.urandom(200_000), "caption": f"text {i}"} for i in range(200)]
    path = save(tmp_path / "a.parquet", pairs, write_batch_size=4, row_group_size=len(pairs))
    before = pa.total_allocated_bytes()
    held = [pa.total_allocated_bytes() - before for _ in rows(path, ["image", "caption"], 8)]
    assert len(held) == len(pairs) and max(held) < 10_000_000 < path.stat().st_size


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"tables": {"train": ["a"]}}, "split and tables by split both say"),
        ({"columns": {"split": "s"}}, "split and columns.split both say"),
        ({"split": None}, "nothing says what is in which split"),
        ({"columns": {"captoins": ["a"]}}, 'did you mean "captions"'),
        ({"tables": []}, "at least 1 item"),
    ],
)
def test_wrong_parameters_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        registry.parse("data", {**params("a"), **values})
