import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from crossmodal.data.build import build_dataset
from crossmodal.data.images import decode, open_rgb
from crossmodal.data.karpathy import build, stored_image
from crossmodal.data.karpathy_params import Params
from crossmodal.data.tables import SPLITS, Example, read_examples, read_table
from crossmodal.errors import UserError

SAMPLE = Path(__file__).parents[3] / "shared" / "data" / "flickr8k-sample"


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def photo(**options: Any) -> bytes:
    return encoded(Image.effect_noise((60, 40), 40).convert("RGB"), "JPEG", **options)


def entry(name: str, split: str = "train", **changes: Any) -> dict[str, Any]:
    sentences = [{"raw": f"{name}  number {i} ."} for i in range(5)]
    return {"filename": name, "split": split, "sentences": sentences, **changes}


class Folder:
    """A dataset folder made by a test."""

    def __init__(self, root: Path) -> None:
        self.images = root / "images"
        self.images.mkdir()
        self.json = root / "dataset.json"
        self.entries: list[Any] = []

    def add(self, name: str, data: bytes, split: str = "train", **changes: Any) -> None:
        (self.images / name).parent.mkdir(parents=True, exist_ok=True)
        (self.images / name).write_bytes(data)
        self.entries.append(entry(name, split, **changes))

    def params(self, **values: Any) -> Params:
        self.json.write_text(json.dumps({"dataset": "tiny", "images": self.entries}))
        paths = {"images": str(self.images), "split_file": str(self.json)}
        return Params.model_validate({"kind": "karpathy", **paths, **values})

    def build(self, **values: Any) -> tuple[dict[str, list[Example]], dict[str, str]]:
        params = self.params(**values)
        built = build(params, {"split_file": self.json})
        parts = {split: list(built.splits[split]) for split in SPLITS}
        return parts, {reject.path: reject.reason for reject in built.rejects}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_splits_captions_and_restval(folder: Folder) -> None:
    for name, split in {"a.jpg": "train", "b.jpg": "restval", "c.jpg": "val", "d.jpg": "test"}.items():
        folder.add(name, photo(), split)
    parts, rejects = folder.build()
    assert {split: [e.image_id for e in part] for split, part in parts.items()} == {
        "train": ["a.jpg", "b.jpg"],
        "val": ["c.jpg"],
        "test": ["d.jpg"],
    }
    assert parts["test"][0].captions == [f"d.jpg number {i} ." for i in range(5)]
    assert rejects == {}
    assert [e.image_id for e in folder.build(restval_as_train=False)[0]["train"]] == ["a.jpg"]


def test_coco_folders(folder: Folder) -> None:
    folder.entries.append(entry("x.jpg", filepath="val2014"))
    (folder.images / "val2014").mkdir()
    (folder.images / "val2014" / "x.jpg").write_bytes(photo())
    parts, rejects = folder.build()
    (example,) = parts["train"]
    assert (example.image_id, example.group) == ("val2014/x.jpg", "val2014")
    assert rejects == {}


def test_odd_files_are_read_or_rejected_with_the_reason(folder: Folder) -> None:
    noise = Image.effect_noise((60, 40), 40)
    exif = Image.Exif()
    exif[0x0112] = 6
    good = {
        "plain.jpg": photo(),
        "grey.jpg": encoded(noise, "JPEG"),
        "cmyk.jpg": encoded(noise.convert("CMYK"), "JPEG"),
        "alpha.png": encoded(noise.convert("RGBA"), "PNG"),
        "deep.png": encoded(noise.convert("I;16"), "PNG"),
        "turned.jpg": photo(exif=exif),
        "wrong-suffix.jpg": encoded(noise, "GIF"),
    }
    for name, data in good.items():
        folder.add(name, data)
    folder.add("truncated.jpg", photo()[: len(photo()) // 2])
    folder.add("empty.jpg", b"")
    folder.add("text.jpg", b"<html>")
    folder.entries.append(entry("missing.jpg"))
    (folder.images / "folder.jpg").mkdir()
    folder.entries.append(entry("folder.jpg"))
    parts, rejects = folder.build()
    stored = {example.image_id: example.image for example in parts["train"]}
    assert set(stored) == set(good)
    assert {name for name in good if stored[name] == good[name]} == {"plain.jpg", "grey.jpg"}
    assert open_rgb(stored["turned.jpg"]).size == (40, 60)
    for image in stored.values():
        assert decode(image, 8).shape == (8, 8, 3)
    assert set(rejects) == {"truncated.jpg", "empty.jpg", "text.jpg", "missing.jpg", "folder.jpg"}
    assert "truncated" in rejects["truncated.jpg"]
    assert rejects["empty.jpg"] == "empty file"
    assert rejects["text.jpg"] == "not an image file"
    assert rejects["missing.jpg"] == rejects["folder.jpg"] == "no such file"


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (entry("../secret.jpg"), "file name leaves the image folder"),
        (entry("/etc/passwd"), "file name leaves the image folder"),
        (entry("x.jpg", filepath="a/../.."), "file name leaves the image folder"),
        (entry("..\\secret.jpg"), "file name leaves the image folder"),
        (entry("good.jpg"), "listed a second time"),
        (entry("x.jpg", "dev"), "unknown split 'dev'"),
        (entry("x.jpg", sentences=[]), "no caption"),
        (entry("x.jpg", sentences=[{"raw": " "}, {"tokens": ["a"]}, 3]), "no caption"),
        (entry("x.jpg", sentences=None), "no caption"),
        (
            entry("x.jpg", sentences=[{"raw": "\u200b"}, {"raw": "\ufeff \ufe0f"}, {"raw": "\x00"}]),
            "no caption",
        ),
        (entry("x.jpg", sentences=[{"raw": "half an emoji \ud83d"}]), "no caption"),
        (entry("half \ud83d.jpg"), "file name with half a surrogate pair"),
        ({"split": "train"}, "entry without a file name"),
        ("x.jpg", "entry without a file name"),
    ],
)
def test_broken_entries_are_rejected(folder: Folder, record: Any, reason: str) -> None:
    (folder.images.parent / "secret.jpg").write_bytes(photo())
    folder.add("good.jpg", photo())
    folder.entries.append(record)
    parts, rejects = folder.build()
    assert [e.image_id for e in parts["train"]] == ["good.jpg"]
    assert list(rejects.values()) == [reason]


def test_a_caption_that_shows_nothing_is_left_out(folder: Folder, tmp_path: Path) -> None:
    folder.add("a.jpg", photo(), sentences=[{"raw": "\u200b"}, {"raw": "a dog\u200b"}, {"raw": "\u3164"}])
    folder.add("b.jpg", photo(), sentences=[{"raw": "\u2060\u00ad"}])
    names = ("train", "val", "test", "rejects", "sheet", "sheet_md")
    outputs = {name: tmp_path / name for name in names}
    sheet = build_dataset("tiny", folder.params(max_reject_share=0.5), {"split_file": folder.json}, outputs)
    assert read_examples(outputs["train"])[0].captions == ["a dog\u200b"]
    assert sheet["splits"]["train"] == {"images": 1, "captions": 1, "labels": 1}
    assert sheet["rejects"] == {"count": 1, "share": 0.5, "reasons": {"no caption": 1}}


def test_a_limit_keeps_the_first_of_each_split(folder: Folder) -> None:
    for i in range(20):
        folder.add(f"{i:02}.jpg", photo(), "train" if i < 12 else "val" if i < 16 else "test")
    parts, _ = folder.build(limit=5)
    assert {split: [e.image_id for e in part] for split, part in parts.items()} == {
        "train": ["00.jpg", "01.jpg", "02.jpg"],
        "val": ["12.jpg"],
        "test": ["16.jpg"],
    }


def test_larger_images_are_shrunk_without_cropping() -> None:
    data = encoded(Image.effect_noise((300, 200), 40).convert("RGB"), "JPEG")
    assert open_rgb(stored_image(data, 50)).size == (75, 50)
    assert stored_image(data, 200) == stored_image(data, None) == data


@pytest.mark.parametrize("content", ["", "[1, 2]", '{"images": 3}', "{", "[" * 100_000])
def test_a_file_that_is_no_split_file_is_one_line(folder: Folder, content: str) -> None:
    params = folder.params()
    folder.json.write_text(content)
    with pytest.raises(UserError, match=r"split_file: .*dataset\.json") as error:
        build(params, {"split_file": folder.json})
    assert "\n" not in str(error.value)


def test_missing_inputs_are_one_line(folder: Folder) -> None:
    params = folder.params()
    with pytest.raises(UserError, match="does not exist"):
        build(params, {"split_file": folder.json.with_name("other.json")})
    folder.images.rmdir()
    with pytest.raises(UserError, match="is not a folder"):
        build(params, {"split_file": folder.json})


def test_half_a_split_file_is_not_what_is_expected(folder: Folder) -> None:
    for name, split in {"a.jpg": "train", "b.jpg": "val", "c.jpg": "test"}.items():
        folder.add(name, photo(), split)
    counts = {"images": 3, "captions": 15, "labels": 3, "train": 1, "val": 1, "test": 1}
    folder.build(expected=counts, citation="Someone (2020)")
    for key in counts:
        with pytest.raises(
            UserError, match=rf"^expected\.{key}: the files list \d+ .* where 99 are expected"
        ):
            folder.build(expected={**counts, key: 99})


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="the sample of Flickr8K is not on this machine")
def test_the_sample_of_flickr8k(tmp_path: Path) -> None:
    params = Params(
        kind="karpathy", images=str(SAMPLE / "images"), split_file=str(SAMPLE / "dataset_flickr8k.json")
    )
    names = ("train", "val", "test", "rejects", "sheet", "sheet_md")
    outputs = {name: tmp_path / name for name in names}
    sources = {name: Path(path) for name, path in params.files().items()}
    sheet = build_dataset("flickr8k", params, sources, outputs)
    assert {split: counts["images"] for split, counts in sheet["splits"].items()} == {
        "train": 260,
        "val": 40,
        "test": 100,
    }
    assert sheet["captions"]["per_image"] == {"min": 5, "mean": 5.0, "max": 5}
    assert read_table(outputs["rejects"]).num_rows == 0
    example = read_examples(outputs["test"])[0]
    assert example.image == (SAMPLE / "images" / example.image_id).read_bytes()
