"""From what a reader of files lists to a dataset: what every adapter does after reading.

A reader is called several times: once to list what there is, and once for each split, when images are opened. So
ids and labels are in memory (some hundred bytes an image), images one at a time.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

from crossmodal.data.base import Splits
from crossmodal.data.built import Built, Reject
from crossmodal.data.captions import is_storable, normalised
from crossmodal.data.expected import check_expected
from crossmodal.data.file_dataset import FileDataset
from crossmodal.data.karpathy import stored_image
from crossmodal.data.parquet_rows import BROKEN
from crossmodal.data.splits import assign, rank
from crossmodal.data.tables import SPLITS, Example
from crossmodal.errors import UserError
from crossmodal.progress import progress


class Entry(NamedTuple):
    """One image as a reader found it; nothing of it needs to be right."""

    image_id: str
    captions: Sequence[object]
    """What may be captions; those that are none are dropped."""
    load: Callable[[], bytes]
    """Reads the image file; ValueError with the reason where it cannot be read. Called at once or never."""
    split: str | None = None
    """The split that the data give, one of SPLITS; None where shares decide."""
    label: str | None = None
    """What the image shows; None where the image is its own label."""
    group: str | None = None
    """None where the data name no groups: all images are in one, by the dataset's title."""
    distractor: bool = False
    """Whether it may be without captions: one that is searched and never asked for."""


Reader: TypeAlias = Callable[[str | None], Iterator[Entry | Reject]]
"""Yields what there is, in the same order each time. It gets None, and then no image is loaded, or the name of a
split, and then may leave out what is of another one."""


@dataclass(frozen=True)
class About:
    """What the data sheet says of a kind, beside what its parameters and the counts say."""

    where: str
    """The parameter that names the files and what it says, for messages."""
    title: str
    """The title where the parameters give none."""
    description: str
    captions: str
    splits: str
    known_limits: list[str]
    facts: Counter[str] = field(default_factory=Counter)
    """What a reader counts while it lists."""


def assemble(params: FileDataset, read: Reader, about: About) -> Built:
    """Return the dataset of what `read` lists; UserError where that is nothing or not what is expected.

    Rejected are entries without a caption, or without a label where the data have labels, those with an id that is
    empty, cannot be stored or was listed before, and images that cannot be read whole.
    """
    rejects: list[Reject] = []
    listed: dict[str, tuple[str | None, str | None]] = {}
    captions = 0
    refused: set[str] = set()
    for item in progress(checked(read(None)), "listing", unit="image"):
        if isinstance(item, Reject):
            rejects.append(item)
            refused.add(item.image_id)
        elif item.image_id in listed:
            rejects.append(Reject(item.image_id, item.image_id, "listed a second time"))
        else:
            listed[item.image_id] = (item.split, item.label)
            captions += len(item.captions)
    facts: dict[str, Any] = {key: count for key, count in about.facts.items() if count}
    if not listed:
        first = f"; the first reject is {rejects[0].path}: {rejects[0].reason}" if rejects else ""
        raise UserError(f"{about.where} has no image with all that it needs{first}")
    splits = _splits(params, listed)
    _check_expected(params, listed, splits, captions, len(refused - listed.keys()))
    plan = _limited(splits, params.limit, params.split or Splits())
    used = Counter(plan.values())

    def examples(split: str) -> Iterator[Example]:
        if not used[split]:
            return
        # As the data have it, an image that becomes one of validation is one of training.
        broken = ""
        places = ["train", "val"] if split == "val" and params.val_from_train else [split]
        items = chain.from_iterable(read(place) for place in places)
        for item in progress(checked(items), split, unit="image"):
            if isinstance(item, Reject):
                broken = item.reason if BROKEN in item.reason else broken
                continue
            if plan.get(item.image_id) != split:
                continue
            del plan[item.image_id]  # a second entry of this id has been rejected
            try:
                image = stored_image(item.load(), params.image_size)
            except ValueError as error:
                rejects.append(Reject(item.image_id, item.image_id, str(error)))
                continue
            label = item.image_id if item.label is None else item.label
            group = item.group or params.title or about.title
            texts = [str(text) for text in item.captions]
            yield Example(item.image_id, image, item.image_id, texts, label, group, params.style)
        # Listed, and gone when images were opened: of a file whose images break off, or that changed meanwhile.
        lost = [image_id for image_id, place in plan.items() if place == split]
        rejects.extend(Reject(image_id, image_id, broken or "no longer in its file") for image_id in lost)

    return Built({split: examples(split) for split in SPLITS}, rejects, _sheet(params, about, facts))


def checked(items: Iterator[Entry | Reject]) -> Iterator[Entry | Reject]:
    """Yield each entry with normalised captions, label and group, or as a reject where it lacks something."""
    for item in items:
        if isinstance(item, Reject):
            yield Reject(_shown(item.image_id), _shown(item.path), _shown(item.reason))
            continue
        captions = [text for raw in item.captions if (text := normalised(raw))]
        label = None if item.label is None else normalised(item.label)
        if not is_storable(item.image_id):
            yield _reject(item.image_id, "file name with half a surrogate pair")
        elif not item.image_id.strip() or "\0" in item.image_id:
            yield _reject(item.image_id, "id is empty or has a NUL in it")
        elif label == "":
            yield _reject(item.image_id, "no label")
        elif not captions and not item.distractor:
            yield _reject(item.image_id, "no caption")
        else:
            group = None if item.group is None else normalised(item.group)
            yield item._replace(captions=captions, label=label, group=group)


def _reject(name: str, reason: str) -> Reject:
    return Reject(_shown(name), _shown(name), reason)


def _shown(text: str) -> str:
    """Return `text` as it can be stored and printed: halves of surrogate pairs and NUL as their escapes."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0") or "(no name)"


def _splits(params: FileDataset, listed: dict[str, tuple[str | None, str | None]]) -> dict[str, str]:
    """Return id -> split, in the order of the list: as the data say or by the shares of the parameters."""
    if params.split is None:
        splits = {image_id: str(split) for image_id, (split, _) in listed.items()}
    else:
        named = {
            image_id: image_id if label is None or params.split_by == "image" else label
            for image_id, (_, label) in listed.items()
        }
        parts = assign(named.values(), params.split)
        splits = {image_id: parts[name] for image_id, name in named.items()}
    if params.val_from_train:
        share = params.val_from_train
        own = [image_id for image_id, split in splits.items() if split == "train"]
        splits |= assign(own, Splits(train=1 - share, val=share, test=0.0))
    return splits


def _limited(splits: dict[str, str], limit: int | None, seed: Splits) -> dict[str, str]:
    """Return the part of `splits` that `limit` leaves: of each split the first by hash, in proportion."""
    if limit is None or limit >= len(splits):
        return splits
    kept: set[str] = set()
    for part in SPLITS:
        own = [image_id for image_id, split in splits.items() if split == part]
        own.sort(key=lambda image_id: (rank(image_id, seed.seed), image_id))
        kept |= set(own[: math.ceil(len(own) * limit / len(splits))])
    return {image_id: split for image_id, split in splits.items() if image_id in kept}


def _check_expected(
    params: FileDataset,
    listed: dict[str, tuple[str | None, str | None]],
    splits: dict[str, str],
    captions: int,
    refused: int,
) -> None:
    by_split = Counter(splits.values())
    labels = {image_id if label is None else label for image_id, (_, label) in listed.items()}
    counts = {"images": len(listed) + refused, "captions": captions, "labels": len(labels)}
    check_expected(params.expected, counts | {split: by_split[split] for split in SPLITS})


def _sheet(params: FileDataset, about: About, facts: dict[str, Any]) -> dict[str, Any]:
    """Return what is known about the dataset besides its counts."""
    title = params.title or about.title
    splits = about.splits
    if params.split:
        unit = "image ids" if params.split_by == "image" else "labels"
        splits = f"By {unit}, ordered by a hash of seed and name, in the shares of the parameters."
    if params.val_from_train:
        splits += f" {params.val_from_train:g} of the training images, by a hash of their ids, are in val."
    source = {
        "name": title, "version": params.version or "not stated", "licence": params.licence, "url": params.source,
        "author": params.citation, "citation": params.citation,
    }  # fmt: skip
    limits = [*about.known_limits]
    if params.limit:
        limits.append("Only part of the dataset is used (see the parameter limit).")
    expected = {
        f"expected {key}, and found": count
        for key, count in params.expected.model_dump().items()
        if count is not None
    }
    return {
        "title": title,
        "description": about.description + (f" To be cited: {params.citation}" if params.citation else ""),
        "sources": [source],
        "captions": about.captions,
        "splits": splits,
        "facts": facts | expected,
        "known_limits": limits,
    }
