"""Tiny datasets in the real format of each kind that reads anyone's files."""

import csv
import io
import json
import tarfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from crossmodal import registry
from crossmodal.data.file_dataset import FileDataset
from crossmodal.data.tables import SPLITS, Example


@dataclass
class Item:
    """One image of a tiny dataset."""

    name: str
    data: bytes | None
    """None for a file that is not there."""
    captions: Sequence[str] = field(default=("a thing",))
    split: str = "train"


Maker = Callable[..., dict[str, Any]]
"""Writes items below a folder; returns the parameters, more of which may be given."""


def write(path: Path, data: bytes | None) -> None:
    if data is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def imagefolder(root: Path, items: Iterable[Item]) -> dict[str, Any]:
    """SPLIT/CLASS/NAME; there is one class, and captions are made of it."""
    splits = {}
    for item in items:
        write(root / "pictures" / item.split / "a_thing" / item.name, item.data)
        splits[item.split] = item.split
    return {"kind": "imagefolder", "folder": str(root / "pictures"), "splits": splits}


def class_lists(root: Path, items: Iterable[Item]) -> dict[str, Any]:
    """split_zhou.json in CoOp's form, and pictures/NAME; there is one class, and captions are made of it."""
    lists: dict[str, list[Any]] = {"train": [], "val": [], "test": []}
    for item in items:
        write(root / "pictures" / item.name, item.data)
        lists[item.split].append([item.name, 0, "a_thing"])
    (root / "pictures").mkdir(exist_ok=True)
    write(root / "split_zhou.json", json.dumps(lists).encode())
    return {
        "kind": "class_lists", "images": str(root / "pictures"), "split_file": str(root / "split_zhou.json"),
    }  # fmt: skip


def coco(root: Path, items: Iterable[Item]) -> dict[str, Any]:
    """captions_SPLIT2017.json and SPLIT2017/NAME."""
    parts: dict[str, list[Item]] = {}
    for item in items:
        parts.setdefault(item.split, []).append(item)
    for split, own in parts.items():
        images, annotations = [], []
        for number, item in enumerate(own):
            write(root / f"{split}2017" / item.name, item.data)
            images.append(
                {"license": 3, "file_name": item.name, "height": 40, "width": 60, "id": 500 + number}
            )
            for text in item.captions:
                annotations.append({"image_id": 500 + number, "id": len(annotations), "caption": text})
        content = {"info": {}, "licenses": [], "images": images, "annotations": annotations}
        (root / f"{split}2017").mkdir(exist_ok=True)
        write(root / f"annotations/captions_{split}2017.json", json.dumps(content).encode())
    return {"kind": "coco", "root": str(root), "parts": {f"{split}2017": split for split in parts}}


def shard(path: Path, members: Iterable[tuple[str, bytes]]) -> Path:
    """Write a tar file as the webdataset library does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def sample(item: Item) -> list[tuple[str, bytes]]:
    """Return the members of one sample of img2dataset: image, text and JSON; all captions are in the JSON."""
    key, suffix = item.name.rsplit(".", 1)
    text = item.captions[0].encode("utf-8", "replace") if item.captions else b""
    known = {"key": key, "status": "success", "captions": list(item.captions), "width": 60, "height": 40}
    image = [] if item.data is None else [(f"{key}.{suffix}", item.data)]
    return [*image, (f"{key}.json", json.dumps(known).encode()), (f"{key}.txt", text)]


def webdataset(root: Path, items: Iterable[Item]) -> dict[str, Any]:
    """SPLIT/00000.tar."""
    parts: dict[str, list[tuple[str, bytes]]] = {}
    for item in items:
        parts.setdefault(item.split, []).extend(sample(item))
    shards = {split: [str(shard(root / split / "00000.tar", own))] for split, own in parts.items()}
    return {"kind": "webdataset", "shards": shards, "captions": ["captions"]}


def table(path: Path, items: Iterable[Item]) -> Path:
    """Write a Parquet file as Hugging Face's datasets library does: image{bytes, path}."""
    rows = [
        {"id": item.name, "image": {"bytes": item.data, "path": None}, "captions": list(item.captions),
         "split": item.split}
        for item in items
    ]  # fmt: skip
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema(
        [("id", pa.string()), ("image", image), ("captions", pa.list_(pa.string())), ("split", pa.string())]
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    return path


COLUMNS = {"id": "id", "captions": ["captions"]}


def parquet(root: Path, items: Iterable[Item]) -> dict[str, Any]:
    """One file with a column of splits."""
    path = table(root / "pairs.parquet", items)
    return {"kind": "parquet", "tables": [str(path)], "columns": {**COLUMNS, "split": "split"}}


def parquet_paths(root: Path, items: Sequence[Item]) -> dict[str, Any]:
    """One file with paths of images in a folder."""
    for item in items:
        write(root / "images" / item.name, item.data)
    (root / "images").mkdir(exist_ok=True)
    rows = [{"image": item.name, "captions": list(item.captions), "split": item.split} for item in items]
    pq.write_table(pa.Table.from_pylist(rows), root / "paths.parquet")
    columns = {"captions": ["captions"], "split": "split"}
    return {
        "kind": "parquet", "tables": [str(root / "paths.parquet")], "images": str(root / "images"),
        "columns": columns,
    }  # fmt: skip


def huggingface(root: Path, items: Iterable[Item]) -> dict[str, Any]:
    """data/SPLIT-00000-of-00001.parquet."""
    parts: dict[str, list[Item]] = {}
    for item in items:
        parts.setdefault(item.split, []).append(item)
    for split, own in parts.items():
        table(root / f"hub/data/{split}-00000-of-00001.parquet", own)
    splits = {split: split for split in parts}
    return {"kind": "huggingface", "folder": str(root / "hub"), "splits": splits, "columns": COLUMNS}


def csv_rows(root: Path, items: Iterable[Item]) -> dict[str, Any]:
    """A row for each caption."""
    (root / "images").mkdir(exist_ok=True)
    with (root / "captions.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["image", "caption", "split"])
        for item in items:
            write(root / "images" / item.name, item.data)
            writer.writerows([item.name, text, item.split] for text in item.captions)
    columns = {"captions": ["caption"], "split": "split"}
    return {
        "kind": "csv", "table": str(root / "captions.csv"), "images": str(root / "images"), "columns": columns,
    }  # fmt: skip


def json_lines(root: Path, items: Iterable[Item]) -> dict[str, Any]:
    """An object of JSON for each image."""
    (root / "images").mkdir(exist_ok=True)
    lines = []
    for item in items:
        write(root / "images" / item.name, item.data)
        lines.append(json.dumps({"image": item.name, "captions": list(item.captions), "split": item.split}))
    write(root / "captions.jsonl", "\n".join(lines).encode())
    columns = {"captions": ["captions"], "split": "split"}
    return {
        "kind": "csv", "table": str(root / "captions.jsonl"), "images": str(root / "images"), "columns": columns,
    }  # fmt: skip


def beir(root: Path, items: Iterable[Item]) -> dict[str, Any]:
    """corpus.jsonl with paths of images, queries.jsonl with captions, qrels/SPLIT.tsv."""
    (root / "images").mkdir(exist_ok=True)
    corpus, queries, qrels = [], [], dict[str, list[str]]()
    for item in items:
        write(root / "images" / item.name, item.data)
        corpus.append(json.dumps({"_id": item.name, "title": "", "image": item.name}))
        for number, text in enumerate(item.captions):
            queries.append(
                json.dumps({"_id": f"q{len(queries)}", "text": text, "metadata": {"number": number}})
            )
            qrels.setdefault(item.split, ["query-id\tcorpus-id\tscore"]).append(
                f"q{len(queries) - 1}\t{item.name}\t1"
            )
    write(root / "corpus.jsonl", "\n".join(corpus).encode())
    write(root / "queries.jsonl", "\n".join(queries).encode())
    for split, lines in qrels.items():
        write(root / f"qrels/{split}.tsv", ("\n".join(lines) + "\n").encode())
    return {
        "kind": "mteb", "corpus": [str(root / "corpus.jsonl")], "queries": [str(root / "queries.jsonl")],
        "qrels": {split: [str(root / f"qrels/{split}.tsv")] for split in qrels}, "images": str(root / "images"),
    }  # fmt: skip


def mteb(root: Path, items: Sequence[Item]) -> dict[str, Any]:
    """corpus, query and qrels in Parquet files, as MTEB's image retrieval datasets have them."""
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    corpus = pa.schema([("id", pa.string()), ("modality", pa.string()), ("image", image)])
    judged = [
        (f"q{i}-{j}", item, text) for i, item in enumerate(items) for j, text in enumerate(item.captions)
    ]
    rows = {
        "corpus": [
            {"id": item.name, "modality": "image", "image": {"bytes": item.data, "path": None}}
            for item in items
        ],
        "query": [{"id": query, "modality": "text", "text": text} for query, _, text in judged],
    }
    for name, schema in (("corpus", corpus), ("query", None)):
        (root / name).mkdir(exist_ok=True)
        path = root / f"{name}/test-00000-of-00001.parquet"
        pq.write_table(pa.Table.from_pylist(rows[name], schema=schema), path)
    splits = dict.fromkeys(item.split for item in items)
    for split in splits:
        lines = [
            {"query-id": query, "corpus-id": item.name, "score": 1}
            for query, item, _ in judged
            if item.split == split
        ]
        (root / "qrels").mkdir(exist_ok=True)
        pq.write_table(pa.Table.from_pylist(lines), root / f"qrels/{split}-00000-of-00001.parquet")
    return {
        "kind": "mteb", "corpus": [str(root / "corpus/*.parquet")], "queries": [str(root / "query/*.parquet")],
        "qrels": {split: [str(root / f"qrels/{split}-*.parquet")] for split in splits},
    }  # fmt: skip


MAKERS: dict[str, Maker] = {
    "imagefolder": imagefolder, "class_lists": class_lists, "coco": coco, "webdataset": webdataset,
    "parquet": parquet, "parquet_paths": parquet_paths, "huggingface": huggingface, "csv": csv_rows,
    "json_lines": json_lines, "beir": beir, "mteb": mteb,
}  # fmt: skip
"""Each kind that reads files, some in several forms."""


def read(params: dict[str, Any]) -> tuple[dict[str, list[Example]], dict[str, str]]:
    """Build the dataset of `params` as a job does; return its examples by split, and path -> reason of rejects."""
    parsed: FileDataset = registry.parse("data", params)
    sources = {name: Path(path) for name, path in parsed.files().items()}
    built = registry.load("data", parsed.kind).build(parsed, sources)
    parts = {split: list(built.splits[split]) for split in SPLITS}
    return parts, {reject.path: reject.reason for reject in built.rejects}


def stem(name: str) -> str:
    """Return what every kind keeps of an item's name in its id."""
    return PurePosixPath(name).stem
