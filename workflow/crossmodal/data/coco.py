"""Photographs with captions and, for labels, instances in the JSON files of COCO (Lin et al. 2014)."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from crossmodal.data.built import Built, Reject
from crossmodal.data.coco_params import Params
from crossmodal.data.entries import About, Entry, assemble
from crossmodal.data.image_files import ImageFolder, name_below
from crossmodal.errors import UserError

DROPPED = frozenset({"segmentation", "bbox", "counts", "coco_url", "flickr_url", "date_captured"})
"""Keys of records that are not looked at: outlines are nine tenths of an instances file."""


def build(params: Params, sources: Mapping[str, Path]) -> Built:
    """Return the dataset of `sources["captions.PART"]` and, for labels, `sources["instances.PART"]`.

    The image id is PART/FILE. With `labels: category` the label is the name of the category whose instances cover
    most of the image, the group its supercategory, and an image without an instance is rejected. Raises UserError
    where a folder is missing or a file is none of COCO's.
    """
    folders = {
        part: ImageFolder(f"{params.root}/{params.images.replace('{}', part)}", "root")
        for part in params.parts
    }
    facts: Counter[str] = Counter()
    entries: dict[str, list[Entry | Reject]] = {
        part: list(_part(part, split, folders[part], sources, facts)) for part, split in params.parts.items()
    }

    def read(split: str | None) -> Iterator[Entry | Reject]:
        for part, own in params.parts.items():
            if split in (None, own) or own is None:
                yield from entries[part]

    about = About(
        where=f"root: {params.root}",
        title=Path(params.root).name,
        description="Photographs with captions written by people, in the layout of COCO.",
        captions="As written by the annotators; white space is normalised, nothing else is changed.",
        splits="By the parts of the dataset, as the parameters name them.",
        known_limits=[
            "Each photograph counts as the only right answer for its captions, though others may fit.",
            "Captions are of uneven quality and carry the annotators' assumptions about people.",
            *(
                ["A label is one category, though most photographs show several."]
                if _labelled(params)
                else []
            ),
        ],
        facts=facts,
    )
    return assemble(params, read, about)


def _labelled(params: Params) -> bool:
    return params.labels == "category"


def _part(
    part: str, split: str | None, folder: ImageFolder, sources: Mapping[str, Path], facts: Counter[str]
) -> Iterator[Entry | Reject]:
    """Yield the images of one part in the order of the file."""
    content = _read(sources[f"captions.{part}"], "captions", ("images", "annotations"))
    captions: dict[Any, list[object]] = defaultdict(list)
    for position, record in enumerate(content["annotations"]):
        if not isinstance(record, dict) or not isinstance(record.get("image_id"), int | str):
            yield _reject(part, f"annotation {position}", "annotation without an image id")
        else:
            captions[record["image_id"]].append(record.get("caption"))
    labels = None
    if f"instances.{part}" in sources:
        labels = _largest(_read(sources[f"instances.{part}"], "instances", ("annotations", "categories")))
    seen: set[Any] = set()
    for position, record in enumerate(content["images"]):
        try:
            number, name = _named(record)
            if number in seen:
                raise ValueError("listed a second time")
        except ValueError as error:
            named = record.get("file_name") if isinstance(record, dict) else None
            yield _reject(part, str(named or f"image {position}"), str(error))
            continue
        seen.add(number)
        if labels is not None and number not in labels:
            yield _reject(part, name, "no instance to take a label from")
            continue
        label, group = labels[number] if labels is not None else (None, part)
        yield Entry(
            f"{part}/{name}", captions.get(number, []), partial(folder.read, name), split, label, group
        )
    strays = sum(len(own) for number, own in captions.items() if number not in seen)
    facts["captions of images that are not listed"] += strays


def _named(record: Any) -> tuple[int | str, str]:
    """Return the id and the file name of an image's record; ValueError says what is wrong with it."""
    if not isinstance(record, dict):
        raise ValueError("entry without a file name")
    name = name_below(record.get("file_name"))
    if not isinstance(record.get("id"), int | str):
        raise ValueError("entry without an id")
    return record["id"], name


def _reject(part: str, name: str, reason: str) -> Reject:
    return Reject(f"{part}/{name}", f"{part}/{name}", reason)


def _largest(content: dict[str, Any]) -> dict[Any, tuple[str, str]]:
    """Return image id -> name and supercategory of the category whose instances have the largest area in all."""
    categories = {
        record["id"]: (str(record.get("name", "")), str(record.get("supercategory", "")))
        for record in content["categories"]
        if isinstance(record, dict) and isinstance(record.get("id"), int | str)
    }
    areas: dict[Any, Counter[Any]] = defaultdict(Counter)
    for record in content["annotations"]:
        if isinstance(record, dict) and isinstance(record.get("area"), int | float):
            image, category = record.get("image_id"), record.get("category_id")
            if isinstance(image, int | str) and isinstance(category, int | str) and category in categories:
                areas[image][category] += record["area"]
    return {
        image: categories[max(own, key=lambda category: (own[category], str(category)))]
        for image, own in areas.items()
    }


def _slim(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a record without what is not looked at, as soon as it is read: half a gigabyte stays small."""
    return {key: value for key, value in pairs if key not in DROPPED}


def _read(path: Path, what: str, lists: tuple[str, ...]) -> dict[str, Any]:
    """Return the content of one of COCO's files; UserError where it lacks one of `lists`."""
    try:
        content = json.loads(path.read_bytes(), object_pairs_hook=_slim)
    except FileNotFoundError:
        raise UserError(f"{what}: {path} does not exist") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{what}: {path} is not JSON ({error})") from None
    for key in lists:
        if not isinstance(content, dict) or not isinstance(content.get(key), list):
            raise UserError(f'{what}: {path} has no list "{key}"; it must be a {what} file of COCO')
    return content
