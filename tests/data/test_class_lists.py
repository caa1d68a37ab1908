"""Images with classes in the split files of CoOp."""

import json
from pathlib import Path
from typing import Any

import pytest

from crossmodal.errors import UserError
from dataset_files import Item, class_lists, read
from picture_files import photo


def rewritten(params: dict[str, Any], content: Any) -> dict[str, Any]:
    Path(params["split_file"]).write_text(content if isinstance(content, str) else json.dumps(content))
    return params


def test_captions_are_made_of_the_classes_names(tmp_path: Path) -> None:
    items = [Item("dog/1.jpg", photo(), split="test"), Item("dog/2.jpg", photo(), split="train")]
    params = rewritten(
        class_lists(tmp_path, items),
        {"train": [["dog/2.jpg", 7, "golden_retriever"]], "val": [], "test": [["dog/1.jpg", 3, "cat"]]},
    )
    parts, rejects = read(
        {**params, "templates": ["a photo of a {}, a type of pet."], "classes": {"cat": "tabby"}}
    )
    found = {split: [(e.image_id, e.label, e.captions) for e in part] for split, part in parts.items()}
    assert found == {
        "train": [("dog/2.jpg", "golden retriever", ["a photo of a golden retriever, a type of pet."])],
        "val": [],
        "test": [("dog/1.jpg", "tabby", ["a photo of a tabby, a type of pet."])],
    }
    assert rejects == {}


def test_what_is_no_record_is_rejected_and_the_rest_is_kept(tmp_path: Path) -> None:
    records = [
        ["a.jpg", 0, "dog"], ["../b.jpg", 0, "dog"], ["gone.jpg", 0, "dog"], ["c.jpg", "dog"], 7,
        ["a.jpg", 1, "cat"],
    ]  # fmt: skip
    params = rewritten(class_lists(tmp_path, [Item("a.jpg", photo())]), {"train": records})
    parts, rejects = read({**params, "max_reject_share": 1.0})
    assert [example.image_id for example in parts["train"]] == ["a.jpg"]
    form = "not of the form [path, number, class]"
    assert rejects == {
        "../b.jpg": "file name leaves the image folder", "gone.jpg": "no such file",
        "train, entry 3": form, "train, entry 4": form, "a.jpg": "listed a second time",
    }  # fmt: skip


def test_no_image_at_all_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"no image with all that it needs; the first reject is train, entry 0"
    ):
        read(rewritten(class_lists(tmp_path, []), {"train": [7]}))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ([], 'has no lists "train", "val" or "test"'),
        ({"train": {}}, 'has no lists "train", "val" or "test"'),
        ({"images": []}, "it must be a split file in CoOp's form"),
    ],
)
def test_another_file_is_one_line(content: Any, message: str, tmp_path: Path) -> None:
    params = rewritten(class_lists(tmp_path, [Item("a.jpg", photo())]), content)
    with pytest.raises(UserError, match=r"^split_file: .*split_zhou\.json ") as error:
        read(params)
    assert message in str(error.value) and "\n" not in str(error.value)
