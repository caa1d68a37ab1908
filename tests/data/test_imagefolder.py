"""A folder of images for each class."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from crossmodal import registry
from crossmodal.errors import UserError
from dataset_files import read
from picture_files import photo

SHARES = {"train": 0.0, "val": 0.0, "test": 1.0}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes with an image each, one of them in a folder below."""
    for name in ("apple_pie/1.JPG", "n01440764/inner/2.jpeg"):
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(photo())
    return tmp_path / "pictures"


def params(folder: Path, **values: Any) -> dict[str, Any]:
    return {"kind": "imagefolder", "folder": str(folder), "split": SHARES, **values}


def test_captions_are_the_classes_names_in_templates(folder: Path) -> None:
    templates = ["a photo of {}, a type of food.", "{}"]
    parts, rejects = read(params(folder, templates=templates, classes={"n01440764": "tench"}))
    found = {example.image_id: (example.label, example.captions) for example in parts["test"]}
    assert found == {
        "apple_pie/1.JPG": ("apple pie", ["a photo of apple pie, a type of food.", "apple pie"]),
        "n01440764/inner/2.jpeg": ("tench", ["a photo of tench, a type of food.", "tench"]),
    }
    assert rejects == {}


def test_names_of_many_classes_come_from_a_file(folder: Path, tmp_path: Path) -> None:
    names = tmp_path / "names.json"
    names.write_text(json.dumps({"n01440764": "tench", "n99999999": "not here", "apple_pie": "pie"}))
    parts, _ = read(params(folder, classes_file=str(names), classes={"apple_pie": "apple tart"}))
    assert [example.label for example in parts["test"]] == ["apple tart", "tench"]
    for content in ("[1]", '{"a": 3}', "{"):
        names.write_text(content)
        with pytest.raises(
            UserError, match=r"^classes_file: .*names\.json (is not JSON|must be one JSON object)"
        ):
            read(params(folder, classes_file=str(names)))


def test_a_class_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(UserError, match=r'^classes: got "apple_pies", .*did you mean "apple_pie"'):
        read(params(folder, classes={"apple_pies": "pie"}))


def test_other_files_are_left_aside_and_counted(folder: Path) -> None:
    for name in (".DS_Store", "._1.jpg", "notes.txt", "Thumbs.db"):
        (folder / "apple_pie" / name).write_bytes(b"x")
    (folder / ".git").mkdir()
    built_params = registry.parse("data", params(folder))
    built = registry.load("data", "imagefolder").build(built_params, {})
    assert [len(list(built.splits[split])) for split in ("train", "val", "test")] == [0, 0, 2]
    assert built.sheet["facts"] == {"files left aside: hidden, or without the suffix of an image": 4}
    assert built.rejects == []


def test_folders_that_lead_away_or_are_closed_are_rejected(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret.jpg").write_bytes(photo())
    (folder / "apple_pie" / "more").symlink_to(tmp_path / "elsewhere")
    (folder / "away").symlink_to(tmp_path / "elsewhere")
    closed = folder / "n01440764" / "closed"
    closed.mkdir(mode=0)
    parts, rejects = read(params(folder))
    assert len(parts["test"]) == 2
    expected = {
        "apple_pie/more": "a link to a folder",
        "away/secret.jpg": "file name leaves the image folder through a link",
    }
    if os.geteuid() != 0:  # root opens everything
        expected["n01440764/closed"] = "cannot be opened (Permission denied)"
    closed.chmod(0o700)
    assert rejects == expected


def test_file_names_that_are_no_text_are_rejected(folder: Path) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")
    (folder / "apple_pie" / name).write_bytes(photo())
    parts, rejects = read(params(folder))
    assert len(parts["test"]) == 2
    assert rejects == {"apple_pie/caf\\udce9.jpg": "file name with half a surrogate pair"}


def test_wrong_folders_are_one_line(folder: Path, tmp_path: Path) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        (params(tmp_path / "none"), r"^folder: .*none is not a folder"),
        (
            params(folder / "apple_pie"),
            r"^folder: .*apple_pie holds images and no folder of a class; give the folder above",
        ),
        (params(folder / "n01440764/inner"), r"holds images and no folder of a class"),
        (
            params(folder, split=None, splits={"valid": "val"}),
            r"has no folder 'valid'; its folders are: apple_pie, n01440764",
        ),
    ]
    (tmp_path / "empty").mkdir()
    wrong.append((params(tmp_path / "empty"), r"holds no folder of a class"))
    (tmp_path / "bare/class").mkdir(parents=True)
    wrong.append((params(tmp_path / "bare"), r"^folder: .*bare has no image with all that it needs"))
    for values, message in wrong:
        with pytest.raises(UserError, match=message) as error:
            read(values)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"split": None}, "nothing says what is in which split"),
        ({"splits": {"train": "train"}}, "split and splits both say"),
        ({"templates": ["a photo"]}, "a template has {} once"),
        ({"templates": ["{} and {}"]}, "a template has {} once"),
        ({"templates": []}, "at least 1 item"),
        ({"splits": {"train": "training"}, "split": None}, "'train', 'val' or 'test'"),
        ({"image_size": 0}, "greater than or equal to 1"),
        ({"folders": "x"}, 'did you mean "folder"'),
    ],
)
def test_wrong_parameters_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        registry.parse("data", {"kind": "imagefolder", "folder": "x", "split": SHARES, **values})
