"""Photographs with captions in the layout of Karpathy and Fei-Fei (2015): Flickr8K, Flickr30K, COCO.

The split file is one JSON object: `dataset`, and `images` with `filename`, `split`, `sentences[].raw` and,
for COCO, `filepath` (the folder below the image folder).
"""

import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from PIL import Image

from crossmodal.data.built import Built, Reject
from crossmodal.data.captions import is_storable, normalised
from crossmodal.data.expected import check_expected
from crossmodal.data.images import encode_png, open_rgb
from crossmodal.data.karpathy_params import Params
from crossmodal.data.tables import SPLITS, Example
from crossmodal.errors import UserError
from crossmodal.progress import progress

ORIENTATION = 0x0112  # EXIF tag
MAX_FILE_BYTES = 256 * 2**20


class Entry(NamedTuple):
    """One image of the split file."""

    name: str
    """Path below the image folder; also the image's id and label."""
    split: str
    captions: list[str]
    group: str


def build(params: Params, sources: Mapping[str, Path]) -> Built:
    """Return the dataset of the images in `params.images` and the split file `sources["split_file"]`.

    An image is its own label. Images without captions, with broken entries or files that cannot be
    read whole go into the rejects. Raises UserError if the folder is missing or the file is no split file.
    """
    folder = Path(params.images)
    if not folder.is_dir():
        raise UserError(
            f"images: {params.images} is not a folder; give the folder that holds the photographs"
        )
    name, records = read_split_file(sources["split_file"])
    rejects: list[Reject] = []
    parts: dict[str, list[Entry]] = {split: [] for split in SPLITS}
    seen: set[str] = set()
    restval = 0
    for position, record in enumerate(records):
        try:
            entry = parse_entry(record, name)
            if entry.name in seen:
                raise ValueError("listed a second time")
        except ValueError as error:
            reject_name = str(record.get("filename", "")) if isinstance(record, dict) else ""
            rejects.append(Reject(f"entry {position}", reject_name or f"entry {position}", str(error)))
            continue
        seen.add(entry.name)
        restval += entry.split == "restval"
        if entry.split != "restval":
            parts[entry.split].append(entry)
        elif params.restval_as_train:
            parts["train"].append(entry)
    check_expected(params.expected, _counts(parts, len(rejects)))
    kept = 1.0 if params.limit is None else min(1.0, params.limit / max(1, sum(map(len, parts.values()))))
    parts = {split: part[: math.ceil(len(part) * kept)] for split, part in parts.items()}
    return Built(
        splits={
            split: _examples(folder, part, split, params.image_size, rejects) for split, part in parts.items()
        },
        rejects=rejects,
        sheet=_sheet(params, name, restval),
    )


def _counts(parts: Mapping[str, Sequence[Entry]], refused: int) -> dict[str, int]:
    """Return what the split file lists; an image is its own label."""
    listed = [entry for part in parts.values() for entry in part]
    counts = {"images": len(listed) + refused, "captions": sum(len(entry.captions) for entry in listed)}
    return counts | {"labels": len(listed)} | {split: len(part) for split, part in parts.items()}


def read_split_file(path: Path) -> tuple[str, list[Any]]:
    """Return the dataset's name and the image records of a split file; UserError if it is not one."""
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"split_file: {path} does not exist") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"split_file: {path} is not JSON ({error})") from None
    if not isinstance(content, dict) or not isinstance(content.get("images"), list):
        raise UserError(f'split_file: {path} has no list "images"; it must be a Karpathy split file')
    return str(content.get("dataset", path.stem)), content["images"]


def parse_entry(record: Any, dataset: str) -> Entry:
    """Return the entry for one record of a split file; ValueError says what is wrong with it."""
    if not isinstance(record, dict) or not isinstance(record.get("filename"), str) or not record["filename"]:
        raise ValueError("entry without a file name")
    folder = record.get("filepath") or ""
    name = PurePosixPath(str(folder)) / record["filename"]
    if name.is_absolute() or ".." in name.parts or "\\" in str(name) or "\0" in str(name):
        raise ValueError("file name leaves the image folder")
    if not is_storable(str(name)):
        raise ValueError("file name with half a surrogate pair")
    split = record.get("split")
    if split not in (*SPLITS, "restval"):
        raise ValueError(f"unknown split {split!r}")
    sentences = record.get("sentences")
    captions = [_caption(s) for s in sentences] if isinstance(sentences, list) else []
    captions = [caption for caption in captions if caption]
    if not captions:
        raise ValueError("no caption")
    return Entry(str(name), split, captions, str(folder) or dataset)


def _caption(sentence: Any) -> str:
    """Return the text of a sentence record with single spaces, "" if it has none to be seen."""
    return normalised(sentence.get("raw") if isinstance(sentence, dict) else None)


def _examples(
    folder: Path, entries: list[Entry], split: str, size: int | None, rejects: list[Reject]
) -> Iterator[Example]:
    for entry in progress(entries, split, unit="image"):
        try:
            image = stored_image(_read(folder / entry.name), size)
        except ValueError as error:
            rejects.append(Reject(entry.name, entry.name, str(error)))
            continue
        yield Example(entry.name, image, entry.name, entry.captions, entry.name, entry.group, "photograph")


def _read(path: Path) -> bytes:
    """Return the content of a regular file of reasonable size; ValueError otherwise."""
    try:
        if not path.is_file():
            raise ValueError("no such file")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ValueError(f"larger than {MAX_FILE_BYTES // 2**20} MiB")
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"cannot be opened ({error.strerror})") from None


def stored_image(data: bytes, size: int | None) -> bytes:
    """Return the image file to store for the file `data`; ValueError if it cannot be read whole.

    An upright RGB or grey JPEG is kept byte for byte: compressing it again would add artefacts that a
    study of JPEG shift would measure. Everything else becomes a PNG, which loses nothing; so does an
    image whose shorter side is above `size` px and is shrunk to it.
    """
    image = open_rgb(data)
    if size is not None and min(image.size) > size:
        scale = size / min(image.size)
        shape = (max(size, round(image.width * scale)), max(size, round(image.height * scale)))
        return encode_png(image.resize(shape, Image.Resampling.BICUBIC))
    return data if _is_plain_jpeg(data) else encode_png(image)


def _is_plain_jpeg(data: bytes) -> bool:
    """Tell whether every program shows `data` as the same picture: a JPEG, RGB or grey, without a turn."""
    with Image.open(io.BytesIO(data)) as header:
        try:
            orientation = header.getexif().get(ORIENTATION, 1)
        except Exception:  # a broken EXIF block, see images.py
            return False
        return header.format == "JPEG" and header.mode in ("RGB", "L") and orientation in (0, 1)


def _sheet(params: Params, name: str, restval: int) -> dict[str, Any]:
    """Return what is known about the dataset besides its counts."""
    return {
        "title": f"Photographs: {name}",
        "description": "Photographs with captions written by people, in the Karpathy split."
        + (f" To be cited: {params.citation}" if params.citation else ""),
        "sources": [
            {
                "name": name,
                "version": "Karpathy split",
                "licence": params.licence,
                "url": params.source,
                "author": params.citation,
                "citation": params.citation,
            }
        ],
        "captions": "As written by the annotators; white space is normalised, nothing else is changed.",
        "splits": (
            "As published by Karpathy and Fei-Fei (2015)"
            + ("; images marked restval are in train." if restval and params.restval_as_train else ".")
        ),
        "facts": {"images marked restval": restval} if restval else {},
        "known_limits": [
            "Each photograph counts as the only right answer for its captions, though others may fit.",
            "Captions are of uneven quality and carry the annotators' assumptions about people.",
            "Photographs of people were collected from the web without asking them.",
            *(["Only part of the dataset is used (see the parameter limit)."] if params.limit else []),
        ],
    }
