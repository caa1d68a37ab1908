"""How many images and captions each split of a dataset has: as built, or as its parameters expect."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossmodal.data.tables import SPLITS
from crossmodal.study.study import SetName, Study

PNG_BYTES_PER_PIXEL = 1.7
FILE_BYTES = 100_000
"""What a stored image takes: shrunk ones are kept as PNG, others as the file that they come in. Means of a sample
of Flickr8K's photographs, 256 px and as they are."""


@dataclass(frozen=True)
class Size:
    """Images and captions of each split, by its name; `bytes` is what the built dataset takes."""

    images: Mapping[str, int]
    captions: Mapping[str, int]
    bytes: int
    built: bool
    labels: int | None = None
    """Classes, where images have labels and it is known how many."""

    def of(self, split: str) -> tuple[int, int]:
        """Return images and captions of a split."""
        return self.images.get(split, 0), self.captions.get(split, 0)


def sizes_of(study: Study, data: Path = Path("data")) -> dict[str, Size | None]:
    """Return the size of each dataset that the study uses; None where it is known once the dataset is built."""
    return {
        name: _built(data / study.study / "datasets" / name) or expected_size(study.datasets[name])
        for name in study.used_datasets()
    }


def _built(folder: Path) -> Size | None:
    try:
        splits = json.loads((folder / "sheet.json").read_text(encoding="utf-8"))["splits"]
        images = {name: int(splits[name]["images"]) for name in SPLITS}
        captions = {name: int(splits[name]["captions"]) for name in SPLITS}
        labels = max(int(splits[name]["labels"]) for name in SPLITS)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Size(images, captions, sum(path.stat().st_size for path in folder.glob("*.parquet")), True, labels)


def expected_size(params: Any) -> Size | None:
    """Return the size that a dataset's parameters give it by expected counts and `limit`, if they do."""
    expected = getattr(params, "expected", None)
    if expected is None:
        return None
    counts = {split: getattr(expected, split) for split in SPLITS}
    total = expected.images or (sum(counts.values()) if all(counts.values()) else None)
    limit = params.limit
    if total is None and limit is None:
        return None
    whole = total or limit
    if any(counts.values()):
        known = sum(count or 0 for count in counts.values())
        there = set((getattr(params, "splits", None) and params.splits.values()) or SPLITS)
        open_ = [split for split, count in counts.items() if count is None and split in there]
        rest = max(0, whole - known)
        images = {
            split: rest // len(open_) if split in open_ else count or 0 for split, count in counts.items()
        }
    elif getattr(params, "split", None):
        images = {split: round(whole * getattr(params.split, split)) for split in SPLITS}
    else:
        images = {"train": whole, "val": 0, "test": 0}
    if share := getattr(params, "val_from_train", 0.0):
        moved = round(images["train"] * share)
        images = {**images, "train": images["train"] - moved, "val": images["val"] + moved}
    if limit is not None and limit < sum(images.values()):
        kept = limit / sum(images.values())
        images = {split: round(count * kept) for split, count in images.items()}
    each = _captions_each(params, expected, whole)
    captions = {split: round(count * each) for split, count in images.items()}
    return Size(images, captions, round(sum(images.values()) * _image_bytes(params)), False, expected.labels)


def _captions_each(params: Any, expected: Any, images: int) -> float:
    if expected.captions:
        return float(expected.captions / images)
    return float(max(1, len(getattr(params, "templates", ()))))


def _image_bytes(params: Any) -> float:
    side = getattr(params, "image_size", None)
    return FILE_BYTES if side is None else PNG_BYTES_PER_PIXEL * side * side * 4 / 3


def set_size(sizes: Mapping[str, Size | None], name: SetName) -> tuple[int, int]:
    """Return images and captions of a set, (0, 0) where its dataset's size is not known."""
    size = sizes.get(name.dataset)
    return size.of(name.split) if size else (0, 0)
