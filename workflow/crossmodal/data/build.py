"""Build a dataset of any kind and write it: three splits, the rejects and the data sheet."""

import hashlib
import io
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from crossmodal import registry
from crossmodal.data.base import DatasetParameters
from crossmodal.data.built import Built, Reject
from crossmodal.data.sheet import render
from crossmodal.data.tables import SPLITS, Example, write_examples
from crossmodal.errors import UserError

REJECTS = pa.schema([("image_id", pa.string()), ("path", pa.string()), ("reason", pa.string())])


def build_dataset(
    name: str, params: DatasetParameters, sources: Mapping[str, Path], outputs: Mapping[str, Path]
) -> dict[str, Any]:
    """Build the dataset `name` and write it to `outputs`; return its data sheet.

    `sources` holds the paths of `params.packages()` and `params.files()` by name. `outputs` holds the
    paths `train`, `val`, `test` (datasets, see tables.py), `rejects` (Parquet: image_id, path, reason),
    `sheet` (JSON) and `sheet_md` (Markdown). Raises UserError if more images had to be left out than
    `max_reject_share` allows, if no image is left or if two have one id.
    """
    built: Built = registry.load("data", params.kind).build(params, sources)
    tally = Tally()
    for split in SPLITS:
        metadata = {"dataset": name, "split": split}
        write_examples(outputs[split], tally.counted(split, built.splits[split]), metadata)
    write_rejects(outputs["rejects"], built.rejects)
    _check(name, params, tally, built.rejects)
    sheet = _complete(name, params, built, tally)
    outputs["sheet"].write_text(json.dumps(sheet, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    outputs["sheet_md"].write_text(render(sheet), encoding="utf-8")
    return sheet


def write_rejects(path: Path, rejects: Iterable[Reject]) -> None:
    """Write `rejects` to a Parquet file with the columns image_id, path, reason."""
    pq.write_table(pa.Table.from_pylist([reject._asdict() for reject in rejects], schema=REJECTS), path)


class Range:
    """Smallest and largest of the whole numbers added."""

    def __init__(self) -> None:
        self.low, self.high = sys.maxsize, 0

    def add(self, value: int) -> None:
        self.low, self.high = min(self.low, value), max(self.high, value)


class Tally:
    """Counts examples while they pass by on their way to the file."""

    def __init__(self) -> None:
        self.images: Counter[str] = Counter()
        self.captions: Counter[str] = Counter()
        self.labels: dict[str, set[str]] = {split: set() for split in SPLITS}
        self.groups: dict[str, Counter[str]] = {}
        self.styles: dict[str, Counter[str]] = {}
        self.formats: Counter[str] = Counter()
        self.width = Range()
        self.height = Range()
        self.caption_count = Range()
        self.bytes = 0
        self.example: list[str] = []
        self.ids: set[str] = set()
        self.first_label: dict[bytes, str] = {}
        self.alike: set[tuple[str, str]] = set()

    def counted(self, split: str, examples: Iterable[Example]) -> Iterator[Example]:
        """Yield `examples` unchanged, counting them for `split`; UserError for a repeated id."""
        for example in examples:
            if example.image_id in self.ids:
                raise UserError(
                    f"image id {example.image_id}: appears twice; ids must be unique in a dataset"
                )
            self.ids.add(example.image_id)
            self.images[split] += 1
            self.captions[split] += len(example.captions)
            self.labels[split].add(example.label)
            self.groups.setdefault(example.group, Counter())[split] += 1
            self.styles.setdefault(example.style, Counter())[split] += 1
            with Image.open(io.BytesIO(example.image)) as header:
                self.formats[str(header.format)] += 1
                self.width.add(header.width)
                self.height.add(header.height)
            digest = hashlib.sha256(example.style.encode() + b"\n" + example.image).digest()[:16]
            first = self.first_label.setdefault(digest, example.label)
            if first != example.label:
                self.alike |= {(example.style, first), (example.style, example.label)}
            self.caption_count.add(len(example.captions))
            self.bytes += len(example.image)
            self.example = self.example or example.captions
            yield example


def _check(name: str, params: DatasetParameters, tally: Tally, rejects: list[Reject]) -> None:
    """Raise UserError if too many images were left out; what was left out is told on standard error."""
    for reject in rejects[:20]:
        print(f"{name}: left out {reject.path}: {reject.reason}", file=sys.stderr)
    if len(rejects) > 20:
        print(f"{name}: left out {len(rejects) - 20} more", file=sys.stderr)
    total = len(rejects) + tally.images.total()
    if rejects and len(rejects) > params.max_reject_share * total:
        raise UserError(
            f"dataset {name}: {len(rejects)} of {total} images ({len(rejects) / total:.1%}) cannot be used, "
            f"more than max_reject_share = {params.max_reject_share:g} allows; the first is "
            f"{rejects[0].path}: {rejects[0].reason}; mend the files or raise max_reject_share"
        )
    if not tally.images.total():
        raise UserError(f"dataset {name}: there is not a single image in it; check its parameters")


def _complete(name: str, params: DatasetParameters, built: Built, tally: Tally) -> dict[str, Any]:
    """Return the data sheet: what the kind knows, and what was counted."""
    facts = built.sheet
    total = tally.images.total()
    return {
        "name": name,
        "kind": params.kind,
        "title": facts["title"],
        "description": facts["description"],
        "sources": facts["sources"],
        "facts": facts.get("facts", {}),
        "split_rule": facts["splits"],
        "splits": {
            split: {
                "images": tally.images[split],
                "captions": tally.captions[split],
                "labels": len(tally.labels[split]),
            }
            for split in SPLITS
        },
        "captions": {
            "rule": facts["captions"],
            "per_image": {
                "min": tally.caption_count.low,
                "mean": tally.captions.total() / total,
                "max": tally.caption_count.high,
            },
            "example": tally.example,
        },
        "images": {
            "count": total,
            "bytes": tally.bytes,
            "width": [tally.width.low, tally.width.high],
            "height": [tally.height.low, tally.height.high],
            "formats": dict(sorted(tally.formats.items())),
            "same_file_other_label": len(tally.alike),
        },
        "groups": _by_split(tally.groups),
        "styles": _by_split(tally.styles),
        "rejects": {
            "count": len(built.rejects),
            "share": len(built.rejects) / (len(built.rejects) + total),
            "reasons": dict(Counter(reject.reason for reject in built.rejects).most_common()),
        },
        "known_limits": facts["known_limits"],
        "parameters": params.model_dump(mode="json"),
    }


def _by_split(counts: dict[str, Counter[str]]) -> dict[str, dict[str, int]]:
    return {key: {split: counts[key][split] for split in SPLITS} for key in sorted(counts)}
