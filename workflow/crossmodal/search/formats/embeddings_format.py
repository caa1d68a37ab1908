"""Our own embeddings: Parquet as `models/embeddings.py` describes it, one file or the folder that `embed` writes.

Such a folder has `images-00000.parquet`, `images-00001.parquet` ... and, where there are captions,
`captions-00000.parquet` ... Beside the columns of the layout, images have `name`, `path` and `caption` (their
first) and captions have `caption`, their text. A Parquet file of others will do if its column `embedding` is a
list of floats: `id` and the rest may be missing.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as of

from crossmodal.errors import UserError
from crossmodal.models.embeddings import Vectors
from crossmodal.search.formats.parquet_columns import batches, numbered_files, rows_of, schema_of
from crossmodal.search.formats.shard import Shard
from crossmodal.search.formats.vector_file import ITEMS, VectorFile, check_shape, items_table, numbered

DESCRIPTION = "Parquet with a column embedding (a list of floats), one file or `crossmodal embed`'s folder"
VECTORS, IMAGES, CAPTIONS = "embedding", "images", "captions"
INSTEAD = {"image_id": "id", "label": "image_id", "name": "image_id"}
"""Which column stands for one that a file lacks."""


def accepts(path: Path) -> bool:
    """Return whether `path` is a Parquet file or a folder with files of images."""
    return bool(numbered_files(path, IMAGES, ".parquet")) if path.is_dir() else path.suffix == ".parquet"


def read(path: Path) -> VectorFile:
    """Return the vectors of the images in the folder `path`, with their captions; or of one file."""
    if not path.is_dir():
        return _joined(path, [path])
    captions = numbered_files(path, CAPTIONS, ".parquet")
    found = _joined(path, numbered_files(path, IMAGES, ".parquet"))
    if not captions:
        return found
    return VectorFile(
        path, found.count, found.dimension, found.blocks, found.items, found.metadata,
        captions=lambda: _joined(path, captions),
    )  # fmt: skip


def _joined(path: Path, files: Sequence[Path]) -> VectorFile:
    """Return the vectors of `files` one after the other; UserError where they do not belong together."""
    schemas = [schema_of(file) for file in files]
    widths = [_width(file, schema) for file, schema in zip(files, schemas, strict=True)]
    metadata = [_metadata(schema) for schema in schemas]
    for file, width, said in zip(files, widths, metadata, strict=True):
        if width != widths[0]:
            raise UserError(f"{file}: vectors of width {width}, but {files[0].name} has {widths[0]}")
        if said.get("model") != metadata[0].get("model"):
            raise UserError(f"{file}: embedded with another model than {files[0].name}; embed all with one")
    count = sum(map(rows_of, files))
    check_shape(path, (count, widths[0]), np.float32)

    def blocks(size: int) -> Iterator[Vectors]:
        for file, start, batch in batches(files, [VECTORS], size):
            yield _matrix(file, start, batch.column(0), widths[0])

    known = set(schemas[0].names)

    def items(size: int) -> Iterator[pa.Table]:
        columns = [name for name in ITEMS.names if name in known]
        for _, _, batch in batches(files, columns, size):
            given = {name: batch.column(name).cast(pa.string()) for name in columns}
            for name, other in INSTEAD.items():
                given.setdefault(name, given[other])
            yield items_table(given, len(batch))

    return VectorFile(
        path, count, widths[0], blocks, items if "id" in known else numbered(count), metadata[0]
    )


def _width(file: Path, schema: Any) -> int:
    """Return the width of the vectors in `file`, which a list without a fixed size tells in its first row."""
    if VECTORS not in schema.names:
        raise UserError(
            f"{file}: no column {VECTORS!r} (has {', '.join(schema.names) or 'none'}); it must be {DESCRIPTION}"
        )
    kind = schema.field(VECTORS).type
    listed = of.is_fixed_size_list(kind) or of.is_list(kind) or of.is_large_list(kind)
    if not listed or not of.is_floating(kind.value_type):
        raise UserError(f"{file}: column {VECTORS!r} holds {kind}; it must be a list of floats")
    if of.is_fixed_size_list(kind):
        return int(kind.list_size)
    for _, _, batch in batches([file], [VECTORS], 1):
        return len(batch.column(0)[0] or ())
    return 0


def _matrix(file: Path, start: int, column: Any, width: int) -> Vectors:
    """Return the rows of a column of lists, float32 [b, width]; `start` is the number of the first."""
    kind = column.type
    lengths = None if of.is_fixed_size_list(kind) else column.value_lengths().to_numpy(zero_copy_only=False)
    wrong = column.is_null().to_numpy(zero_copy_only=False)
    if lengths is not None:
        wrong = wrong | (lengths != width)
    if wrong.any():
        row = int(np.argmax(wrong))
        found = "no vector" if column[row].as_py() is None else f"a vector of {len(column[row])} values"
        raise UserError(f"{file}: row {start + row} has {found}; every row must have {width} values")
    flat = column.flatten()
    if flat.null_count:
        raise UserError(f"{file}: {flat.null_count} values from row {start} on are null; vectors are numbers")
    return np.ascontiguousarray(flat.to_numpy(zero_copy_only=False).reshape(-1, width), dtype=np.float32)


def _metadata(schema: Any) -> dict[str, str]:
    found = {key.decode(): value.decode() for key, value in (schema.metadata or {}).items()}
    return {key: value for key, value in found.items() if not key.startswith(("ARROW:", "pandas"))}


def write_shard(folder: Path, shard: Shard, metadata: dict[str, str]) -> None:
    """Write the files of `shard` into `folder`; `metadata` goes into their schemas."""
    first = shard.first_captions()
    ids = [f"{shard.image_ids[i]}#{k}" for i, k in zip(shard.owners, _counts(shard.owners), strict=True)]
    images = {
        "id": shard.image_ids,
        "image_id": shard.image_ids,
        "label": shard.labels,
        "name": shard.names,
        "path": shard.paths,
        "caption": [None if row is None else shard.texts[row] for row in first],
    }
    captions = {
        "id": ids,
        "image_id": [shard.image_ids[i] for i in shard.owners],
        "label": [shard.labels[i] for i in shard.owners],
        "caption": shard.texts,
    }
    _write(folder / f"{IMAGES}-{shard.number:05d}.parquet", images, shard.images, metadata)
    if shard.texts:
        _write(folder / f"{CAPTIONS}-{shard.number:05d}.parquet", captions, shard.captions, metadata)


def _counts(owners: Sequence[int]) -> Iterator[int]:
    """Yield for each caption how many of its image stand before it."""
    last, k = None, 0
    for owner in owners:
        k = k + 1 if owner == last else 0
        last = owner
        yield k


def _write(path: Path, columns: dict[str, Any], vectors: Vectors, metadata: dict[str, str]) -> None:
    half = pa.array(np.ascontiguousarray(vectors, dtype=np.float16).reshape(-1))
    arrays = {name: pa.array(values, pa.string()) for name, values in columns.items()}
    arrays[VECTORS] = pa.FixedSizeListArray.from_arrays(half, vectors.shape[1])
    table = pa.table(arrays).replace_schema_metadata(metadata)
    pq.write_table(table, path, compression="zstd", row_group_size=16_384)
