"""A dataset of the rows of Parquet files: what the kinds `parquet` and `huggingface` have in common."""

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from crossmodal.data.built import Built, Reject
from crossmodal.data.classes import Classes
from crossmodal.data.columns import TableDataset, texts, word
from crossmodal.data.entries import About, Entry, assemble
from crossmodal.data.image_files import ImageFolder, image_in
from crossmodal.data.parquet_rows import rows, schema
from crossmodal.errors import UserError


def assemble_tables(
    params: TableDataset,
    tables: Sequence[tuple[str | None, Path, str]],
    sources: Mapping[str, Path],
    title: str,
) -> Built:
    """Return the dataset of `tables`: a split (None where a column says it), a file, and what it is called.

    An image's id is what the id column says, its path, or "FILE/ROW", what the file is called without its suffix
    and the folders that all are in. Whole numbers in the label column get the names that Hugging Face's metadata
    give them. Of a file that breaks off, the rows before are kept. `title` is the dataset's where the
    parameters give none. Raises UserError where a file is no Parquet file or lacks a column.
    """
    reader = _Reader(params, Classes(params, sources), _short({path: name for _, path, name in tables}))
    for _, path, _ in tables:
        reader.check(path)
    facts: Counter[str] = Counter()

    def read(split: str | None) -> Iterator[Entry | Reject]:
        for own, path, _ in tables:
            if split in (None, own) or own is None:
                yield from reader.entries(path, own, split is not None, facts)

    first = tables[0][1]
    made = "" if params.columns.captions else "Made of the class's name by the templates. "
    about = About(
        where=f"tables: {first}" + (f" (and {len(tables) - 1} more)" if len(tables) > 1 else ""),
        title=title,
        description="Images with texts in Parquet files, a row for each image.",
        captions=f"{made}White space is normalised, nothing else is changed.",
        splits="As the files or their column of splits say.",
        known_limits=["Each image counts as the only right answer for its captions, though others may fit."],
        facts=facts,
    )
    return assemble(params, read, about)


class _Reader:
    """Rows to entries."""

    def __init__(self, params: TableDataset, classes: Classes, short: dict[Path, str]) -> None:
        self.params, self.columns, self.classes = params, params.columns, classes
        self.folder = ImageFolder(params.images, "images") if params.images is not None else None
        self.short = short
        self.names: dict[Path, list[str]] = {}

    def check(self, path: Path) -> None:
        """Raise UserError where the file lacks a column or its images are of no type that holds some."""
        found = schema(path)
        self.columns.check(path, found.names)
        kind = found.field(self.columns.image).type
        if _holds_paths(kind):
            if self.folder is None:
                raise UserError(
                    f"images: column {self.columns.image!r} of {path} holds paths; give the folder they are below"
                )
        elif not (_holds_bytes(kind) or (pa.types.is_struct(kind) and _fields(kind) & {"bytes", "path"})):
            raise UserError(
                f"columns.image: column {self.columns.image!r} of {path} is of type {kind}; "
                "images are binary, a struct of bytes and path, or paths"
            )
        self.names[path] = _class_names(found, self.columns.label)

    def entries(
        self, path: Path, split: str | None, images: bool, facts: Counter[str]
    ) -> Iterator[Entry | Reject]:
        """Yield the rows of a file; without `images` the column of images is not read where it can be helped."""
        with_paths = _holds_paths(schema(path).field(self.columns.image).type)
        named = {name for role, names in self.columns.named().items() for name in names if role != "image"}
        wanted = {*named, *([self.columns.image] if images or with_paths else [])}
        for number, row in rows(path, sorted(wanted), 32 if images else 4096):
            if isinstance(row, Reject):
                yield row
                continue
            facts["rows listed"] += 1
            image, place = row.get(self.columns.image), f"{self.short[path]}/{number}"
            try:
                yield self._entry(row, image, place, split, path)
            except ValueError as error:
                yield Reject(place, image if isinstance(image, str) and image else place, str(error))

    def _entry(self, row: dict[str, Any], image: Any, place: str, split: str | None, path: Path) -> Entry:
        columns = self.columns
        image_id = word(row[columns.id]) if columns.id else image if isinstance(image, str) else place
        captions = texts(row, columns.captions)
        label = None
        if columns.label:
            name = self._class(row[columns.label], path)
            captions += self.classes.captions(name)
            label = self.classes.words(name)
        group = word(row[columns.group]) if columns.group else None
        if columns.split:
            split = self.params.split_of(row[columns.split])
        return Entry(image_id, captions, partial(image_in, image, self.folder), split, label, group)

    def _class(self, value: Any, path: Path) -> str:
        names = self.names[path]
        if names and isinstance(value, int):
            return names[value] if 0 <= value < len(names) else ""  # -1 is how an unlabelled image is written
        return word(value)


def _short(names: Mapping[Path, str]) -> dict[Path, str]:
    """Return the name of each file without its suffix and without the folders that all files are in."""
    above = os.path.commonpath([PurePosixPath("/", name).parent for name in names.values()])
    return {
        path: PurePosixPath("/", name).relative_to(above).with_suffix("").as_posix()
        for path, name in names.items()
    }


def _holds_paths(kind: Any) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _holds_bytes(kind: Any) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _fields(kind: Any) -> set[str]:
    return {kind.field(i).name for i in range(kind.num_fields)}


def _class_names(found: Any, column: str | None) -> list[str]:
    """Return the names of classes 0, 1 ... that Hugging Face's datasets library writes into the schema."""
    try:
        features = json.loads((found.metadata or {})[b"huggingface"])["info"]["features"]
        names = features[column]["names"]
    except (KeyError, TypeError, ValueError):
        return []
    return [str(name) for name in names] if isinstance(names, list) else []
