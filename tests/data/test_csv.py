"""A table of paths and captions beside a folder of images."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal.data.captions import normalised
from crossmodal.errors import UserError
from dataset_files import read
from picture_files import photo

SHARES = {"train": 1.0, "val": 0.0, "test": 0.0}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / "images" / name).write_bytes(photo())
    return tmp_path


def params(folder: Path, text: str | bytes, name: str = "captions.csv", **values: Any) -> dict[str, Any]:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return {
        "kind": "csv", "table": str(folder / name), "images": str(folder / "images"), "split": SHARES, **values,
    }  # fmt: skip


def captions(found: tuple[dict[str, list[Any]], dict[str, str]]) -> dict[str, list[str]]:
    return {example.image_id: example.captions for example in found[0]["train"]}


def test_rows_of_one_image_are_its_captions(folder: Path) -> None:
    text = 'image,caption\na.jpg,"A dog, a cat"\nb.jpg,A bird\na.jpg,"A ""big"" dog"\na.jpg,"A dog, a cat"\n'
    found = read(params(folder, text))
    assert captions(found) == {"a.jpg": ["A dog, a cat", 'A "big" dog', "A dog, a cat"], "b.jpg": ["A bird"]}
    assert found[1] == {}


def test_the_table_of_flickr30k(folder: Path) -> None:
    """Bars with spaces for delimiters, quotes that mean nothing, and the row that lacks one."""
    text = (
        'image_name| comment_number| comment\na.jpg| 0| A "dog " runs .\na.jpg| 1| Dogs"\n'
        "b.jpg| 0| A bird .\nb.jpg| 4   A bird sings .\n"
    )
    columns = {"image": "image_name", "captions": ["comment"]}
    found = read(params(folder, text, delimiter="|", quote=None, columns=columns))
    assert captions(found) == {"a.jpg": ['A "dog " runs .', 'Dogs"'], "b.jpg": ["A bird ."]}
    assert found[1] == {"b.jpg": "2 columns where the first line has 3"}


def test_tabs_byte_order_marks_and_line_ends_of_windows(folder: Path) -> None:
    text = "\ufeffimage\tcaption\r\na.jpg\tA dog\r\n\r\nb.jpg\tA bird"
    assert captions(read(params(folder, text, delimiter="\t"))) == {"a.jpg": ["A dog"], "b.jpg": ["A bird"]}


def test_labels_groups_splits_and_ids_are_columns(folder: Path) -> None:
    text = "key,image,caption,what,where,part\n1,a.jpg,A dog,big_dog,PT,train\n2,b.jpg,A bird,bird,FR,test\n"
    columns = {"id": "key", "label": "what", "group": "where", "split": "part"}
    parts, _ = read(params(folder, text, split=None, columns=columns, templates=["a {}"]))
    (dog,), (bird,) = parts["train"], parts["test"]
    assert (dog.image_id, dog.captions, dog.label, dog.group) == (
        "1",
        ["A dog", "a big dog"],
        "big dog",
        "PT",
    )
    assert bird.image_id == "2"


def test_rows_that_contradict_each_other_are_rejected(folder: Path) -> None:
    rows = ("a.jpg,One,dog,train", "a.jpg,Two,cat,train", "a.jpg,Three,dog,test", "b.jpg,Four,dog,dev")
    text = "\n".join(["image,caption,what,part", *rows])
    columns = {"label": "what", "split": "part"}
    parts, rejects = read(params(folder, text, split=None, columns=columns))
    assert captions((parts, rejects)) == {"a.jpg": ["One"]}
    assert rejects == {
        "a.jpg": "an earlier row of this image names another split",
        "b.jpg": "unknown split 'dev'",
    }


def test_objects_of_json(folder: Path) -> None:
    """A list, as RSTPReid's data_captions.json, or one a line."""
    rows = [{"id": 3, "img_path": "a.jpg", "captions": ["One", "Two"], "split": "train"}, {"img_path": 4}, 5]
    columns = {"image": "img_path", "captions": ["captions"]}
    found = read(params(folder, json.dumps(rows), "a.json", columns=columns))
    assert captions(found) == {"a.jpg": ["One", "Two"]}
    assert sorted(found[1].values()) == ["entry without a file name", "not an object of JSON"]
    lines = "\n".join(["{", *map(json.dumps, rows)])
    found = read(params(folder, lines, "a.jsonl", columns=columns))
    assert captions(found) == {"a.jpg": ["One", "Two"]}
    assert found[1]["a.jsonl, line 1"] == "not an object of JSON"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"captions\.csv: no row in it"),
        ("image,caption\n", r"captions\.csv: no row in it"),
        ("image,text\na.jpg,x\n", r'^columns\.captions: .*got "caption".*\(accepts: image, text\)'),
        ("image;caption\na.jpg;x\n", r"^columns\.image: .*\(accepts: image;caption\)"),
        (b"image,caption\na.jpg,caf\xe9\n", r"captions\.csv: not UTF-8"),
        (
            'image,caption\na.jpg,"A dog\nb.jpg,A bird\n',
            r"captions\.csv, line 3: unexpected end of data; is its quote '\"'",
        ),
        ('image,caption\na.jpg,"' + "x" * 200_000, r"captions\.csv, line 2: .*is its quote '\"'"),
    ],
)
def test_a_table_that_is_none_is_one_line(text: str | bytes, message: str, folder: Path) -> None:
    with pytest.raises(UserError, match=message) as error:
        read(params(folder, text))
    assert "\n" not in str(error.value)


def test_missing_inputs_are_one_line(folder: Path) -> None:
    values = params(folder, "image,caption\na.jpg,x\n")
    with pytest.raises(UserError, match=r"^images: .*pictures is not a folder"):
        read({**values, "images": str(folder / "pictures")})
    with pytest.raises(UserError, match=r"none\.csv: no such file"):
        read({**values, "table": str(folder / "none.csv")})
    (folder / "list.json").write_text("{}")
    with pytest.raises(UserError, match=r"list\.json: must be one list of objects"):
        read({**values, "table": str(folder / "list.json")})


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=30)


@given(st.lists(TEXT, min_size=1, max_size=5), st.sampled_from([",", ";", "|", "\t"]))
@settings(max_examples=50)
def test_any_text_comes_back(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], delimiter: str
) -> None:
    folder = tmp_path_factory.mktemp("texts")
    (folder / "images").mkdir()
    (folder / "images" / "a.jpg").write_bytes(photo())
    with (folder / "captions.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, delimiter=delimiter, quoting=csv.QUOTE_ALL)
        writer.writerows([("image", "caption"), *(("a.jpg", text) for text in texts), ("a.jpg", "the last")])
    values = {"kind": "csv", "table": str(folder / "captions.csv"), "images": str(folder / "images")}
    found = captions(read({**values, "split": SHARES, "delimiter": delimiter}))["a.jpg"]
    assert found == [*filter(None, map(normalised, texts)), "the last"]
