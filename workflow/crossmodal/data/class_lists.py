"""Images with classes, listed by split: the split files of CoOp (Zhou et al. 2022) for few-shot classification.

The file is one JSON object with the lists `train`, `val` and `test` of [path, number of the class, its name].
"""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from crossmodal.data.built import Built, Reject
from crossmodal.data.class_lists_params import Params
from crossmodal.data.classes import Classes
from crossmodal.data.entries import About, Entry, assemble
from crossmodal.data.image_files import ImageFolder, name_below
from crossmodal.data.tables import SPLITS
from crossmodal.errors import UserError


def build(params: Params, sources: Mapping[str, Path]) -> Built:
    """Return the dataset of the images below `params.images` that `sources["split_file"]` lists.

    The image id is the path, the label the class's name in words. A record that is not of the form, or whose path
    leaves the folder, is rejected. Raises UserError where the folder is missing or the file has another form.
    """
    images, classes = ImageFolder(params.images, "images"), Classes(params, sources)
    lists = _lists(sources["split_file"])
    classes.check(sorted({str(record[2]) for own in lists.values() for record in own if _is_record(record)}))

    def read(split: str | None) -> Iterator[Entry | Reject]:
        for part in SPLITS if split is None else [split]:
            for position, record in enumerate(lists.get(part, ())):
                try:
                    yield _entry(record, part, images, classes)
                except ValueError as error:
                    name = f"{part}, entry {position}"
                    path = record[0] if _is_record(record) else name
                    yield Reject(name, path, str(error))

    about = About(
        where=f"split_file: {params.split_file}",
        title=images.path.name or "images",
        description="Images with a class each.",
        captions="Made of the class's name by the templates: " + "; ".join(params.templates),
        splits="As the split file lists them.",
        known_limits=[
            "Captions name the class alone: all images of a class have the same ones.",
            "An image has one class, though it may show more.",
        ],
    )
    return assemble(params, read, about)


def _lists(path: Path) -> dict[str, list[Any]]:
    try:
        content: Any = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"split_file: {path} does not exist") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"split_file: {path} is not JSON ({error})") from None
    found = {name: content[name] for name in SPLITS if name in content} if isinstance(content, dict) else {}
    if not found or not all(isinstance(own, list) for own in found.values()):
        raise UserError(
            f'split_file: {path} has no lists "train", "val" or "test" of [path, number, class]; '
            "it must be a split file in CoOp's form"
        )
    return found


def _is_record(record: Any) -> bool:
    return isinstance(record, list) and len(record) == 3 and all(isinstance(record[i], str) for i in (0, 2))


def _entry(record: Any, split: str, images: ImageFolder, classes: Classes) -> Entry:
    if not _is_record(record):
        raise ValueError("not of the form [path, number, class]")
    name = name_below(record[0])
    label = classes.words(record[2])
    return Entry(name, classes.captions(record[2]), partial(images.read, name), split, label)
