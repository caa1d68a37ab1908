"""What shifts look like: the same few test images under every shift of a study, and the same few captions.

Examples are drawn by a hash of seed and id, and nobody picks them. They are spread over the groups of the dataset;
of the first few of a group the one is taken whose colour is least like those that stand on the sheet already.
"""

import base64
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image, ImageOps

from crossmodal.data.images import open_rgb
from crossmodal.data.tables import Example, read_table
from crossmodal.experiments.robustness.records import ShiftFacts
from crossmodal.report.formatting import SPACE
from crossmodal.shifts.apply import ambiguous_of, losses_of

SEED = 0
ACROSS = 3
SHOWN = ACROSS * ACROSS
"""Images on a picture."""
FIRST = 8
"""Images of a group that one is taken of."""
SIDE = 80
"""Of an image on a picture, px; it is shown smaller, so that a dense screen has something to show."""
CAPTIONS = 3
LOST = {"blank": "near-blank", "merged": "equal to another"}


@dataclass(frozen=True, slots=True)
class Picture:
    """The examples under one shift of images, as one picture."""

    shift: str
    image: str
    """As a data URI."""
    strength: str = ""
    """How strong the shift is, in words; empty where its name says all."""
    lost: list[str] = field(default_factory=list)
    """What became of images of the whole set, in words, such as "3 near-blank"; empty if nothing did."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Examples as they are and under every shift."""

    examples: list[str]
    """Their image ids."""
    clean: Picture
    kinds: dict[str, list[Picture]]
    """By kind of shift, in words: its pictures from weak to strong."""
    texts: list[tuple[str, list[str]]]
    """Captions as they are (with the name `as they are`), then under each shift of texts; empty without one."""


def draw_sheet(clean: Path, shifted: Mapping[str, Path], facts: Mapping[str, ShiftFacts]) -> Sheet:
    """Return the sheet of the dataset file `clean` and of the shifted copies of it by the name of the shift."""
    examples = choose(clean)
    names = [example.image_id for example in examples]
    kinds: dict[str, list[Picture]] = {}
    texts = [("as they are", _captions(examples))]
    for name, path in shifted.items():
        found, fact = _rows(path, names), facts[name]
        if fact.modality == "texts":
            left = len(ambiguous_of(path))
            said = f" ({left} of all left as they were: others have them too)" if left else ""
            texts.append((name + said, _captions(found, examples)))
            continue
        lost = [f"{len(ids)} {LOST[what]}" for what, ids in losses_of(path).items() if ids]
        picture = Picture(name, _mosaic(found), strength_of(fact), lost)
        kinds.setdefault(fact.kind.replace("_", " "), []).append(picture)
    for pictures in kinds.values():
        pictures.sort(key=lambda picture: grade_of(facts[picture.shift]))
    return Sheet(names, Picture("", _mosaic(examples)), kinds, texts if len(texts) > 1 else [])


def strength_of(fact: ShiftFacts) -> str:
    """Return how strong a shift is, by what it is graded in: "severity 3", "16 px", or nothing."""
    if fact.severity is not None:
        return f"severity {fact.severity}"
    return f"{fact.size}{SPACE}px" if fact.size is not None else ""


def grade_of(fact: ShiftFacts) -> tuple[int, int]:
    """Return what orders shifts of a kind from weak to strong: severity, or the larger images first."""
    return fact.severity or 0, -(fact.size or 0)


def choose(path: Path, count: int = SHOWN) -> list[Example]:
    """Return up to `count` examples of the dataset file at `path`: one of each group in turn, by a hash.

    Groups come in the order of their own hash, and of each one of its first images that are left: that whose mean
    colour is farthest from grey and from those that were chosen.
    """
    groups: dict[str, list[str]] = {}
    rows = read_table(path, ["image_id", "group"]).to_pylist()
    for row in sorted(rows, key=lambda row: _hash(row["image_id"])):
        groups.setdefault(row["group"], []).append(row["image_id"])
    # Of a group no more than these can be looked at, so that no other images are read.
    left = {group: groups[group][: FIRST + count] for group in sorted(groups, key=_hash)}
    found = _rows(path, [name for names in left.values() for name in names])
    examples = {example.image_id: example for example in found}
    colours = {name: _colour(example) for name, example in examples.items()}
    chosen: list[str] = []
    while any(left.values()):
        for names in left.values():
            if names and len(chosen) < count:
                others = np.stack([np.zeros(3), *(colours[name] for name in chosen)])
                distances = [np.linalg.norm(others - colours[name], axis=1).min() for name in names[:FIRST]]
                chosen.append(names.pop(int(np.argmax(distances))))
        if len(chosen) == count:
            break
    return [examples[name] for name in chosen]


def _hash(name: str) -> str:
    return hashlib.sha256(f"{SEED}:{name}".encode()).hexdigest()


def _colour(example: Example) -> NDArray[np.float64]:
    """Return the mean of an image's pixels less their grey, [3] in levels: zero for a grey picture."""
    small = open_rgb(example.image)
    small.thumbnail((SIDE, SIDE))
    mean = np.asarray(small, dtype=np.float64).mean(axis=(0, 1))
    return np.asarray(mean - mean.mean())


def _rows(path: Path, names: Sequence[str]) -> list[Example]:
    """Return the examples of a dataset file with these ids, in this order."""
    if not names:
        return []
    columns = ["image_id", "image", "captions", "label", "group", "style"]
    table = pq.read_table(path, columns=columns, filters=[("image_id", "in", list(names))])
    found = {row["image_id"]: row for row in table.to_pylist()}
    return [
        Example(
            name, row["image"]["bytes"], row["image"]["path"],
            row["captions"], row["label"], row["group"], row["style"],
        )
        for name in names
        for row in [found[name]]
    ]  # fmt: skip


def _captions(examples: Sequence[Example], clean: Sequence[Example] | None = None) -> list[str]:
    """Return the caption of most words, as it is in `clean`, of each of the first images."""
    pairs = list(zip(examples, clean or examples, strict=True))[:CAPTIONS]
    return [
        example.captions[max(range(len(before.captions)), key=lambda k: len(before.captions[k].split()))]
        for example, before in pairs
        if before.captions
    ]


def _mosaic(examples: Sequence[Example]) -> str:
    """Return images side by side, in rows of three on white, as the data URI of a WebP file."""
    rows = -(-len(examples) // ACROSS)
    sheet = Image.new("RGB", (ACROSS * SIDE, max(1, rows) * SIDE), "white")
    for place, example in enumerate(examples):
        tile = ImageOps.pad(open_rgb(example.image), (SIDE - 4, SIDE - 4), color="white")
        sheet.paste(tile, (place % ACROSS * SIDE + 2, place // ACROSS * SIDE + 2))
    buffer = io.BytesIO()
    sheet.save(buffer, format="WEBP", quality=88, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
