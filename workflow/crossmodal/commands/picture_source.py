"""Pictures to embed, as a stream: a folder of image files, or a dataset in Parquet, ours or Hugging Face's."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.types as of

from crossmodal.commands.distinct import check_distinct
from crossmodal.errors import UserError
from crossmodal.provenance.digests import md5
from crossmodal.search.formats.parquet_columns import batches, rows_of, schema_of
from crossmodal.search.formats.pictures import encoded, in_dataset, read_file

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
IDS, TEXTS = ("image_id", "id"), ("captions", "caption", "text", "texts")
"""Names that a column may have, the first found is taken."""
ROWS, CHECKED = 64, 65_536
"""Rows of a dataset that are read at once: of images, which may be large, and of ids."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture and what is known of it."""

    image_id: str
    label: str
    name: str
    place: str
    """Where it is, for search/formats/pictures.py."""
    captions: list[str]
    load: Callable[[], bytes]
    """Reads the encoded image; it may raise UserError."""


@dataclass(frozen=True, slots=True)
class PictureSource:
    """Pictures of which only names have been read."""

    count: int
    stream: Callable[[], Iterator[Picture]]
    captioned: Callable[[], Iterator[tuple[str, bool]]]
    """Of each picture in order, without reading it: its id, and whether it has a caption."""
    digest: Callable[[], str]
    """What tells this source from others: of one dataset file, its MD5."""


def open_pictures(path: Path) -> PictureSource:
    """Return the pictures of a dataset file, a folder of such files, or a folder of images.

    Raises UserError where there are none, where the columns do not fit, or where two have one id.
    """
    if path.is_dir():
        tables = sorted(path.rglob("*.parquet"))
        images = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
        if tables and images:
            raise UserError(f"{path}: holds images and Parquet files; give the folder of one of the two")
        if not tables and not images:
            raise UserError(f"{path}: no image ({', '.join(SUFFIXES)}) and no Parquet file in it")
        return _of_tables(path, tables) if tables else _of_files(path, images)
    if not path.is_file():
        raise UserError(f"{path}: no such file or folder")
    if path.suffix.lower() in SUFFIXES:
        return _of_files(path.parent, [path])
    return _of_tables(path, [path])


def _of_files(root: Path, files: Sequence[Path]) -> PictureSource:
    """Return image files by their path below `root`; lines of the .txt file beside one are its captions."""

    def stream() -> Iterator[Picture]:
        for file in files:
            name = file.relative_to(root).as_posix()
            yield Picture(name, name, file.stem, str(file.resolve()), _beside(file), partial(read_file, file))

    def captioned() -> Iterator[tuple[str, bool]]:
        for file in files:
            yield file.relative_to(root).as_posix(), bool(_beside(file))

    def digest() -> str:
        found = hashlib.md5(usedforsecurity=False)
        for file in files:
            found.update(f"{file.relative_to(root).as_posix()}\0{file.stat().st_size}\n".encode())
        return found.hexdigest()

    return PictureSource(len(files), stream, captioned, digest)


def _beside(file: Path) -> list[str]:
    """Return the lines of the .txt file beside an image file that are not blank."""
    path = file.with_suffix(".txt")
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    return [line.strip() for line in lines if line.strip()]


def _of_tables(path: Path, files: Sequence[Path]) -> PictureSource:
    schemas = [schema_of(file) for file in files]
    for file, schema in zip(files, schemas, strict=True):
        _check_image(file, schema)
    names = [name for name in schemas[0].names if all(name in schema.names for schema in schemas)]
    ids = next((name for name in IDS if name in names), None)
    texts = next((name for name in TEXTS if name in names), None)
    if texts:
        _check_texts(files[0], texts, schemas[0])
    count = sum(map(rows_of, files))
    if not count:
        raise UserError(f"{path}: the dataset is empty; there must be an image in it")
    if ids:
        read = lambda: (b.column(0).to_pylist() for _, _, b in batches(files, [ids], CHECKED))  # noqa: E731
        check_distinct(path, ids, read)
    columns = ["image", *(name for name in (ids, texts, "label" if "label" in names else None) if name)]

    def stream() -> Iterator[Picture]:
        total = 0
        for file, start, batch in batches(files, columns, ROWS):
            for i, row in enumerate(batch.to_pylist()):
                image_id = str(row[ids] if ids else total)
                label = row.get("label")
                yield Picture(
                    image_id,
                    image_id if label is None else str(label),
                    _name(row["image"], image_id),
                    in_dataset(file, start + i),
                    _captions(row[texts]) if texts else [],
                    partial(encoded, row["image"], file),
                )
                total += 1

    def captioned() -> Iterator[tuple[str, bool]]:
        total, wanted = 0, [name for name in (ids, texts) if name]
        for _, _, batch in batches(files, wanted, CHECKED) if texts else ():
            for row in batch.to_pylist():
                yield str(row[ids] if ids else total), bool(_captions(row[texts]))
                total += 1

    def digest() -> str:
        each = [md5(file) for file in files]
        joined = "\n".join(each).encode()
        return each[0] if len(each) == 1 else hashlib.md5(joined, usedforsecurity=False).hexdigest()

    return PictureSource(count, stream, captioned, digest)


def _check_image(file: Path, schema: Any) -> None:
    kind = schema.field("image").type if "image" in schema.names else None
    fields = [field.name for field in kind] if kind is not None and of.is_struct(kind) else []
    if kind is None:
        raise UserError(
            f"{file}: no column 'image' (has {', '.join(schema.names) or 'none'}); a dataset has one,"
            " a struct of bytes and path (docs/searching.md)"
        )
    if "bytes" not in fields and not of.is_binary(kind) and not of.is_large_binary(kind):
        raise UserError(
            f"{file}: column 'image' holds {kind}; it must be a struct of bytes and path, or binary"
        )


def _check_texts(file: Path, name: str, schema: Any) -> None:
    kind = schema.field(name).type
    listed = of.is_list(kind) or of.is_large_list(kind)
    if not _textual(kind.value_type if listed else kind):
        raise UserError(f"{file}: column {name!r} holds {kind}; captions are strings or lists of strings")


def _textual(kind: Any) -> bool:
    return of.is_string(kind) or of.is_large_string(kind) or of.is_null(kind)


def _captions(value: Any) -> list[str]:
    values = [value] if isinstance(value, str) else value or []
    return [text for text in values if text is not None]


def _name(image: Any, image_id: str) -> str:
    path = image.get("path") if isinstance(image, dict) else None
    return Path(path).stem if path else image_id
