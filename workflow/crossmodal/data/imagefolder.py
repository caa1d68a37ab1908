"""Images in a folder for each class, the layout of most classification datasets."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from crossmodal.data.built import Built, Reject
from crossmodal.data.classes import Classes
from crossmodal.data.entries import About, Entry, assemble
from crossmodal.data.image_files import SUFFIXES, ImageFolder
from crossmodal.data.imagefolder_params import Params
from crossmodal.errors import UserError


def build(params: Params, sources: Mapping[str, Path]) -> Built:
    """Return the dataset of the images below `params.folder`; `sources` may hold "classes_file".

    The image id is the path below the folder, the label the class's name in words; folders inside a class's folder
    belong to the class. Hidden files and files without the suffix of an image are counted and left aside, links
    that leave the folder rejected. Raises UserError where a folder is missing or holds no class.
    """
    images, classes = ImageFolder(params.folder, "folder"), Classes(params, sources)
    parts = _parts(images.path, params)
    found = {part: _folders(images.path / part) for part in parts}
    for part, names in found.items():
        if not names:
            raise UserError(_no_class(images.path / part, params))
    classes.check(sorted({name for names in found.values() for name in names}))
    facts: Counter[str] = Counter()

    def read(split: str | None) -> Iterator[Entry | Reject]:
        for part, own in parts.items():
            if split in (None, own) or own is None:
                for name in found[part]:
                    yield from _images(images, Path(part, name), name, own, classes, facts)

    about = About(
        where=f"folder: {params.folder}",
        title=images.path.name or "images",
        description="Images sorted into folders by what they show.",
        captions="Made of the class's name by the templates: " + "; ".join(params.templates),
        splits="As the folders say.",
        known_limits=[
            "Captions name the class alone: all images of a class have the same ones.",
            "An image has one class, though it may show more.",
        ],
        facts=facts,
    )
    return assemble(params, read, about)


def _parts(root: Path, params: Params) -> dict[str, str | None]:
    """Return the folders of the splits, by their path below `root`, and the split of each."""
    if params.splits is None:
        return {"": None}
    for name in params.splits:
        if not (root / name).is_dir():
            there = ", ".join(_folders(root)[:20]) or "none"
            raise UserError(f"splits: {root} has no folder {name!r}; its folders are: {there}")
    return dict(params.splits)


def _folders(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _no_class(path: Path, params: Params) -> str:
    if any(entry.suffix.lower() in SUFFIXES for entry in path.iterdir()):
        return f"folder: {path} holds images and no folder of a class; give the folder above it"
    return f"folder: {path} holds no folder of a class; it must hold one for each, with images in it"


def _images(
    images: ImageFolder, below: Path, name: str, split: str | None, classes: Classes, facts: Counter[str]
) -> Iterator[Entry | Reject]:
    """Yield the images of the class `name` in the folder `below`, sorted by their paths."""
    closed: list[OSError] = []
    for folder, folders, files in os.walk(images.path / below, onerror=closed.append):
        folders.sort()
        path = Path(folder).relative_to(images.path)
        for linked in [inner for inner in folders if Path(folder, inner).is_symlink()]:
            yield Reject((path / linked).as_posix(), (path / linked).as_posix(), "a link to a folder")
        for file in sorted(files):
            if file.startswith(".") or not file.lower().endswith(SUFFIXES):
                facts["files left aside: hidden, or without the suffix of an image"] += 1
                continue
            image_id = (path / file).as_posix()
            load = partial(images.read, image_id)
            yield Entry(image_id, classes.captions(name), load, split, classes.words(name))
    for error in closed:
        path = Path(error.filename).relative_to(images.path)
        yield Reject(path.as_posix(), path.as_posix(), f"cannot be opened ({error.strerror})")
