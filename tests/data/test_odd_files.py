"""What the reader of Karpathy's files survives, every reader of anyone's files survives."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from crossmodal import registry
from crossmodal.data.build import build_dataset
from crossmodal.data.images import decode, open_rgb
from crossmodal.data.tables import SPLITS, read_examples
from crossmodal.errors import UserError
from dataset_files import MAKERS, Item, imagefolder, read, stem, table, write
from picture_files import broken_files, encoded, photo, whole_files

OF_CLASSES = ("imagefolder", "class_lists")
"""Where captions are made of the class."""
CAPTIONED = sorted(set(MAKERS) - set(OF_CLASSES))
NAMED = ["class_lists", "coco", "csv", "json_lines", "parquet_paths", "beir"]
"""Where a record names the image's file."""
IN_JSON = ["coco", "webdataset", "json_lines", "beir"]
"""Where a text may have half a surrogate pair."""


@pytest.mark.parametrize("kind", sorted(MAKERS))
def test_odd_images_are_read_or_rejected_with_the_reason(kind: str, tmp_path: Path) -> None:
    good, bad = whole_files(), broken_files()
    files = good | {name: data for name, (data, _) in bad.items()}
    parts, rejects = read(MAKERS[kind](tmp_path, [Item(name, data) for name, data in files.items()]))
    stored = {stem(example.image_id): example.image for example in parts["train"]}
    assert set(stored) == {stem(name) for name in good}
    assert parts["val"] == parts["test"] == []
    kept = {name for name in good if stored[stem(name)] == good[name]}
    assert kept == {"plain.jpg", "grey.jpg"}
    assert open_rgb(stored["turned"]).size == (40, 60)
    for image in stored.values():
        assert decode(image, 8).shape == (8, 8, 3)
    reasons = {stem(path): reason for path, reason in rejects.items()}
    assert set(reasons) == {stem(name) for name in bad}
    for name, (_, reason) in bad.items():
        assert reason in reasons[stem(name)]


def karpathy(root: Path, items: list[Item]) -> dict[str, Any]:
    """The reference: dataset.json and images/NAME."""
    entries = [
        {"filename": item.name, "split": item.split, "sentences": [{"raw": text} for text in item.captions]}
        for item in items
    ]
    for item in items:
        write(root / "reference" / item.name, item.data)
    (root / "dataset.json").write_text(json.dumps({"dataset": "tiny", "images": entries}))
    return {"kind": "karpathy", "images": str(root / "reference"), "split_file": str(root / "dataset.json")}


@pytest.mark.parametrize("kind", CAPTIONED)
def test_images_captions_and_splits_are_those_that_karpathys_reader_gives(kind: str, tmp_path: Path) -> None:
    files = whole_files() | {name: data for name, (data, _) in broken_files().items()}
    items = [
        Item(name, data, [f"{name}  one", "\u200b", "two "], SPLITS[i % 3])
        for i, (name, data) in enumerate(files.items())
    ]
    expected, refused = read(karpathy(tmp_path, items))
    found, rejects = read(MAKERS[kind](tmp_path, items))
    for split in SPLITS:
        assert [(stem(e.image_id), e.image, e.captions) for e in found[split]] == [
            (stem(e.image_id), e.image, e.captions) for e in expected[split]
        ]
    assert {stem(name): why for name, why in rejects.items()} == {stem(n): why for n, why in refused.items()}


@pytest.mark.parametrize("kind", sorted(MAKERS))
def test_captions_and_splits_arrive_as_they_are(kind: str, tmp_path: Path) -> None:
    texts = ['a  dog, and\ta "cat"', "ein Hund – «und» eine Katze"]
    splits = {"a.jpg": "train", "b.jpg": "val", "c.jpg": "test", "d.jpg": "train"}
    parts, rejects = read(
        MAKERS[kind](tmp_path, [Item(name, photo(), texts, split) for name, split in splits.items()])
    )
    found = {stem(example.image_id): split for split, part in parts.items() for example in part}
    assert found == {stem(name): split for name, split in splits.items()}
    expected = ["a photo of a a thing."] if kind in OF_CLASSES else [" ".join(text.split()) for text in texts]
    assert all(example.captions == expected for part in parts.values() for example in part)
    assert rejects == {}


@pytest.mark.parametrize("kind", sorted(MAKERS))
def test_what_is_read_is_written_counted_and_described(kind: str, tmp_path: Path) -> None:
    items = [Item("good.jpg", photo()), Item("bad.jpg", b"<html>"), Item("other.jpg", photo(), split="test")]
    about = {"title": "Ours", "licence": "CC0", "citation": "Someone (2020)", "source": "https://example.org"}
    params = registry.parse("data", {**MAKERS[kind](tmp_path, items), **about, "max_reject_share": 0.5})
    sources = {name: Path(path) for name, path in params.files().items()}
    outputs = {name: tmp_path / f"out-{name}" for name in (*SPLITS, "rejects", "sheet", "sheet_md")}
    sheet = build_dataset("ours", params, sources, outputs)
    assert [sheet["splits"][split]["images"] for split in SPLITS] == [1, 0, 1]
    assert sheet["rejects"]["reasons"] == {"not an image file": 1}
    assert sheet["sources"][0]["licence"] == "CC0"
    page = outputs["sheet_md"].read_text()
    assert all(text in page for text in ("Ours", "Someone (2020)", "https://example.org"))
    assert read_examples(outputs["train"])[0].style == "photograph"


@pytest.mark.parametrize("kind", CAPTIONED)
def test_a_caption_that_shows_nothing_is_none(kind: str, tmp_path: Path) -> None:
    items = [
        Item("some.jpg", photo(), ["\u200b", "a dog\u200b", "\u3164"]),
        Item("none.jpg", photo(), ["\u2060\u00ad", " ", "\ufeff \ufe0f"]),
    ]
    parts, rejects = read(MAKERS[kind](tmp_path, items))
    assert [example.captions for example in parts["train"]] == [["a dog\u200b"]]
    assert [(stem(path), reason) for path, reason in rejects.items()] == [("none", "no caption")]


@pytest.mark.parametrize("kind", IN_JSON)
def test_half_a_surrogate_pair_is_no_text(kind: str, tmp_path: Path) -> None:
    items = [Item("a.jpg", photo(), ["half an emoji \ud83d", "a dog"]), Item("b.jpg", photo(), ["\ud83d"])]
    parts, rejects = read(MAKERS[kind](tmp_path, items))
    assert [example.captions for example in parts["train"]] == [["a dog"]]
    assert list(rejects.values()) == ["no caption"]


@pytest.mark.parametrize("kind", NAMED)
@pytest.mark.parametrize("name", ["../secret.jpg", "a/../../secret.jpg", "/etc/passwd", "..\\secret.jpg"])
def test_a_name_that_leaves_the_folder_is_rejected(kind: str, name: str, tmp_path: Path) -> None:
    params = MAKERS[kind](tmp_path, [Item("good.jpg", photo()), Item(name, None)])
    (tmp_path / "secret.jpg").write_bytes(photo())
    parts, rejects = read(params)
    assert [stem(example.image_id) for example in parts["train"]] == ["good"]
    assert list(rejects.values()) == ["file name leaves the image folder"]


@pytest.mark.parametrize("kind", ["coco", "json_lines"])
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("half \ud83d.jpg", "half a surrogate pair"),
        ("nul\0.jpg", "leaves the image folder"),
        (" ", "without a file name"),
    ],
)
def test_a_name_that_no_file_can_have_is_rejected(kind: str, name: str, reason: str, tmp_path: Path) -> None:
    _, rejects = read(MAKERS[kind](tmp_path, [Item("good.jpg", photo()), Item(name, None)]))
    assert len(rejects) == 1 and reason in next(iter(rejects.values()))
    "".join(rejects).encode("utf-8")


@pytest.mark.parametrize("kind", [*NAMED, "imagefolder"])
def test_a_link_out_of_the_folder_and_a_missing_file_are_rejected(kind: str, tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes(photo())
    params = MAKERS[kind](
        tmp_path, [Item("good.jpg", photo()), Item("link.jpg", b""), Item("gone.jpg", None)]
    )
    (empty,) = tmp_path.rglob("link.jpg")
    empty.unlink()
    empty.symlink_to(tmp_path / "secret.jpg")
    parts, rejects = read(params)
    assert [stem(example.image_id) for example in parts["train"]] == ["good"]
    expected = {"link": "file name leaves the image folder through a link"}
    if kind != "imagefolder":
        expected["gone"] = "no such file"
    assert {stem(path): reason for path, reason in rejects.items()} == expected


@pytest.mark.parametrize(
    "kind", sorted(set(MAKERS) - {"imagefolder", "csv", "json_lines", "coco", "parquet_paths"})
)
def test_an_image_that_is_listed_twice_counts_once(kind: str, tmp_path: Path) -> None:
    items = [Item("a.jpg", photo()), Item("b.jpg", photo()), Item("a.jpg", photo(), ["another"])]
    parts, rejects = read(MAKERS[kind](tmp_path, items))
    assert sorted(stem(example.image_id) for example in parts["train"]) == ["a", "b"]
    assert list(rejects.values()) == ["listed a second time"]


@pytest.mark.parametrize("kind", sorted(MAKERS))
def test_names_that_differ_in_case_and_dots_are_different_images(kind: str, tmp_path: Path) -> None:
    names = ["a.jpg", "A.JPG", "a.b.jpg", "a[1].jpeg", "a b (2).png"]
    parts, rejects = read(MAKERS[kind](tmp_path, [Item(name, photo()) for name in names]))
    ids = [e.image_id if kind == "webdataset" else stem(e.image_id) for e in parts["train"]]
    assert sorted(ids) == sorted(map(stem, names))
    assert rejects == {}


@pytest.mark.parametrize("kind", sorted(MAKERS))
def test_a_limit_takes_of_each_split_and_a_larger_one_adds(kind: str, tmp_path: Path) -> None:
    items = [
        Item(f"{i:02}.jpg", photo(), split="train" if i < 12 else "val" if i < 16 else "test")
        for i in range(20)
    ]
    params = MAKERS[kind](tmp_path, items)
    few, more = (
        {split: [e.image_id for e in part] for split, part in read({**params, "limit": limit})[0].items()}
        for limit in (5, 10)
    )
    assert {split: len(part) for split, part in few.items()} == {"train": 3, "val": 1, "test": 1}
    assert {split: len(part) for split, part in more.items()} == {"train": 6, "val": 2, "test": 2}
    assert all(set(few[split]) < set(more[split]) for split in SPLITS)


@pytest.mark.parametrize("kind", sorted(MAKERS))
def test_expected_counts_tell_half_a_dataset(kind: str, tmp_path: Path) -> None:
    params = MAKERS[kind](tmp_path, [Item("a.jpg", photo()), Item("b.jpg", photo(), split="test")])
    counts = {"images": 2, "captions": 2, "train": 1, "test": 1}
    read({**params, "expected": counts, "limit": 1})
    for key in counts:
        with pytest.raises(
            UserError, match=rf"^expected\.{key}: the files list \d .* where 9 are expected"
        ) as error:
            read({**params, "expected": {**counts, key: 9}})
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", sorted(MAKERS))
def test_a_large_image_is_shrunk(kind: str, tmp_path: Path) -> None:
    large = encoded(Image.effect_noise((300, 200), 40).convert("RGB"), "JPEG")
    parts, _ = read({**MAKERS[kind](tmp_path, [Item("large.jpg", large)]), "image_size": 50})
    assert open_rgb(parts["train"][0].image).size == (75, 50)


def test_validation_images_come_from_training_where_there_are_none(tmp_path: Path) -> None:
    items = [Item(f"{i}.jpg", photo(), split="test" if i < 5 else "train") for i in range(25)]
    parts, _ = read({**imagefolder(tmp_path, items), "val_from_train": 0.25})
    assert {split: len(part) for split, part in parts.items()} == {"train": 15, "val": 5, "test": 5}


@pytest.mark.parametrize("by", ["image", "label"])
def test_shares_divide_images_or_labels(by: str, tmp_path: Path) -> None:
    for i in range(40):
        path = tmp_path / f"pictures/class {i % 10}/{i}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photo())
    params = {
        "kind": "imagefolder", "folder": str(tmp_path / "pictures"), "split_by": by,
        "split": {"train": 0.5, "val": 0.0, "test": 0.5},
    }  # fmt: skip
    parts, _ = read(params)
    labels = {split: {example.label for example in part} for split, part in parts.items()}
    assert {split: len(part) for split, part in parts.items()} == {"train": 20, "val": 0, "test": 20}
    assert (labels["train"] & labels["test"] == set()) == (by == "label")


@pytest.mark.parametrize("kind", sorted(set(MAKERS) - {"class_lists"}))
def test_no_image_at_all_is_one_line(kind: str, tmp_path: Path) -> None:
    items = [Item("a.jpg", photo(), ["\u200b"])]
    params = MAKERS[kind](tmp_path, items)
    for path in tmp_path.rglob("a.jpg"):
        path.unlink()
    if kind in (
        "coco",
        "csv",
        "json_lines",
        "parquet_paths",
        "beir",
        "parquet",
        "huggingface",
        "mteb",
        "webdataset",
    ):
        with pytest.raises(
            UserError, match=r"no image with all that it needs; the first reject is .*: no caption"
        ) as error:
            read(params)
    else:
        with pytest.raises(UserError, match="no image with all that it needs") as error:
            read(params)
    assert "\n" not in str(error.value)


def test_the_order_and_the_bytes_are_those_of_the_last_time(tmp_path: Path) -> None:
    random.seed(0)
    items = [Item(f"{i}.jpg", photo(), split=random.choice(SPLITS)) for i in range(30)]
    params: dict[str, Any] = {
        "kind": "parquet", "tables": [str(table(tmp_path / "a.parquet", items))],
        "columns": {"id": "id", "captions": ["captions"], "split": "split"}, "limit": 20,
    }  # fmt: skip
    first, second = read(params), read(params)
    assert first == second
