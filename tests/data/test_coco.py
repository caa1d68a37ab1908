"""Captions and instances in COCO's own files."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from crossmodal import registry
from crossmodal.errors import UserError
from dataset_files import Item, coco, read
from picture_files import photo


def instances(root: Path, areas: dict[int, dict[int, float]], part: str = "train2017") -> None:
    """Write an instances file: image id -> category id -> area."""
    categories = [
        {"supercategory": "animal", "id": 18, "name": "dog"}, {"supercategory": "food", "id": 59, "name": "pizza"},
    ]  # fmt: skip
    annotations = [
        {
            "segmentation": [[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]], "area": area, "iscrowd": 0, "image_id": image,
            "bbox": [0.0, 0.0, 1.0, 1.0], "category_id": category, "id": 10 * image + category,
        }
        for image, own in areas.items() for category, area in own.items()
    ]  # fmt: skip
    content = {"images": [], "annotations": annotations, "categories": categories}
    (root / f"annotations/instances_{part}.json").write_text(json.dumps(content))


def test_parts_become_splits_and_ids_are_paths(tmp_path: Path) -> None:
    texts = ["A dog.", "A dog on grass.", "A dog."]
    items = [Item("000000000009.jpg", photo(), texts), Item("000000000025.jpg", photo(), split="val")]
    parts, rejects = read({**coco(tmp_path, items), "parts": {"train2017": "train", "val2017": "test"}})
    (example,), (other,) = parts["train"], parts["test"]
    assert (example.image_id, example.label, example.group) == ("train2017/000000000009.jpg",) * 2 + (
        "train2017",
    )
    assert example.captions == texts, "what annotators wrote twice stays"
    assert other.image_id == "val2017/000000000025.jpg" and rejects == {}


def test_labels_are_the_categories_that_cover_most(tmp_path: Path) -> None:
    params = coco(tmp_path, [Item(f"{i}.jpg", photo()) for i in range(3)])
    instances(tmp_path, {500: {18: 30.0, 59: 40.0}, 501: {18: 7.5}, 999: {18: 1.0}})
    parts, rejects = read({**params, "labels": "category"})
    assert [(e.label, e.group) for e in parts["train"]] == [("pizza", "food"), ("dog", "animal")]
    assert rejects == {"train2017/2.jpg": "no instance to take a label from"}


def test_broken_records_are_rejected(tmp_path: Path) -> None:
    params = coco(tmp_path, [Item("a.jpg", photo()), Item("a.jpg", None, ["again"])])
    path = tmp_path / "annotations/captions_train2017.json"
    content = json.loads(path.read_text())
    content["images"] += [
        7,
        {"id": 8},
        {"file_name": "x.jpg"},
        {"file_name": "y.jpg", "id": 500},
        {"file_name": "z.jpg", "id": 9},
    ]
    content["annotations"] += [3, {"caption": "of nothing"}, {"image_id": 12345, "caption": "of no image"}]
    content["annotations"] += [{"image_id": 500, "caption": None}, {"image_id": [], "caption": "x"}]
    path.write_text(json.dumps(content))
    parsed = registry.parse("data", params)
    sources = {name: Path(path) for name, path in parsed.files().items()}
    built = registry.load("data", "coco").build(parsed, sources)
    assert [example.captions for example in built.splits["train"]] == [["a thing"]]
    assert {reject.path: reject.reason for reject in built.rejects} == {
        "train2017/annotation 2": "annotation without an image id",
        "train2017/annotation 3": "annotation without an image id",
        "train2017/annotation 6": "annotation without an image id",
        "train2017/a.jpg": "listed a second time",
        "train2017/image 2": "entry without a file name",
        "train2017/image 3": "entry without a file name",
        "train2017/x.jpg": "entry without an id",
        "train2017/y.jpg": "listed a second time",
        "train2017/z.jpg": "no caption",
    }
    assert built.sheet["facts"] == {"captions of images that are not listed": 1}


@pytest.mark.parametrize(
    "content", ["", "[1]", "{", '{"images": []}', '{"images": 3, "annotations": []}', "[" * 99_999]
)
def test_a_file_that_is_none_of_cocos_is_one_line(content: str, tmp_path: Path) -> None:
    params = coco(tmp_path, [Item("a.jpg", photo())])
    (tmp_path / "annotations/captions_train2017.json").write_text(content)
    with pytest.raises(UserError, match=r"^captions: .*captions_train2017\.json") as error:
        read(params)
    assert "\n" not in str(error.value)


def test_what_is_missing_is_one_line(tmp_path: Path) -> None:
    params = coco(tmp_path, [Item("a.jpg", photo())])
    with pytest.raises(UserError, match=r"^instances: .*instances_train2017\.json does not exist"):
        read({**params, "labels": "category"})
    with pytest.raises(UserError, match=r"^root: .*pictures is not a folder"):
        read({**params, "images": "pictures"})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"parts": {"a": "train", "b": None}}, "give each part its split"),
        ({"parts": {"a": None}}, "nothing says what is in which split"),
        ({"parts": {"a/b": "train"}}, "pattern"),
        ({"parts": {}}, "at least 1 item"),
    ],
)
def test_wrong_parameters_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        registry.parse("data", {"kind": "coco", "root": "x", **values})
