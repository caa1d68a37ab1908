"""The folder that clip-retrieval's `inference` writes, and that autofaiss and its back end read.

`img_emb/img_emb_0.npy` float16 [n, d]; `text_emb/text_emb_0.npy` float16 [n, d], where there are captions;
`metadata/metadata_0.parquet` with `image_path` and `caption`; row i of each is of image i. The number has as many
digits as the largest. One caption stands beside an image: its first.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from crossmodal.errors import UserError
from crossmodal.models.embeddings import Vectors
from crossmodal.search.formats.npy_format import mapped
from crossmodal.search.formats.parquet_columns import batches, numbered_files, rows_of, schema_of
from crossmodal.search.formats.shard import Shard
from crossmodal.search.formats.vector_file import (
    VectorFile,
    array_blocks,
    check_shape,
    items_table,
    numbered,
)

DESCRIPTION = "clip-retrieval's folder with img_emb, text_emb and metadata"
ONE_CAPTION_EACH = True
"""Rows match, so that either all images have a caption or none has."""
IMAGES, TEXTS, METADATA = "img_emb", "text_emb", "metadata"


def accepts(path: Path) -> bool:
    """Return whether `path` is a folder with a folder of image embeddings."""
    return (path / IMAGES).is_dir()


def read(path: Path) -> VectorFile:
    """Return the vectors of the images in the folder `path`, with those of their captions."""
    metadata = numbered_files(path / METADATA, METADATA, ".parquet")
    found = _part(path, IMAGES, metadata)
    if not numbered_files(path / TEXTS, TEXTS, ".npy"):
        return found
    return VectorFile(
        path, found.count, found.dimension, found.blocks, found.items,
        captions=lambda: _part(path, TEXTS, metadata),
    )  # fmt: skip


def _part(path: Path, stem: str, metadata: list[Path]) -> VectorFile:
    files = numbered_files(path / stem, stem, ".npy")
    if not files:
        raise UserError(f"{path / stem}: no file {stem}_0.npy in it; it must be {DESCRIPTION}")
    arrays = [mapped(file) for file in files]
    shapes = [check_shape(file, a.shape, a.dtype) for file, a in zip(files, arrays, strict=True)]
    count, dimension = sum(rows for rows, _ in shapes), shapes[0][1]
    for file, (_, width) in zip(files, shapes, strict=True):
        if width != dimension:
            raise UserError(f"{file}: vectors of width {width}, but {files[0].name} has {dimension}")
    described = sum(map(rows_of, metadata))
    if metadata and described != count:
        raise UserError(f"{path}: {count} vectors in {stem}, but metadata of {described}; write both again")

    def blocks(size: int) -> Iterator[Vectors]:
        for array in arrays:
            yield from array_blocks(array)(size)

    return VectorFile(path, count, dimension, blocks, _items(metadata) if metadata else numbered(count))


def _items(metadata: list[Path]) -> Any:
    """Return `VectorFile.items` of the metadata: the rows' numbers are ids, for paths need not differ."""
    wanted = ("image_path", "caption")

    def items(size: int) -> Iterator[pa.Table]:
        start = 0
        columns = [name for name in wanted if name in schema_of(metadata[0]).names]
        for _, _, batch in batches(metadata, columns or None, size):
            given = {name: batch.column(name).cast(pa.string()) for name in columns}
            ids = pa.array(map(str, range(start, start + len(batch))), pa.string())
            paths = given.get("image_path", pa.nulls(len(batch), pa.string()))
            names = [
                Path(path).name if path else number
                for path, number in zip(paths.to_pylist(), ids.to_pylist(), strict=True)
            ]
            columns_of = {"id": ids, "image_id": ids, "label": ids, "name": pa.array(names, pa.string())}
            columns_of |= {"path": paths, "caption": given.get("caption", pa.nulls(len(batch), pa.string()))}
            yield items_table(columns_of, len(batch))
            start += len(batch)

    return items


def write_shard(folder: Path, shard: Shard, metadata: dict[str, str]) -> None:
    """Write the files of `shard`, all images of which have a caption or none, into `folder`.

    The layout has no place for `metadata`.
    """
    rows = [row for row in shard.first_captions() if row is not None]
    number = f"{shard.number:0{len(str(shard.shards - 1))}d}"
    columns: dict[str, Any] = {
        "image_path": [p or i for p, i in zip(shard.paths, shard.image_ids, strict=True)]
    }
    _save(folder / IMAGES / f"{IMAGES}_{number}.npy", shard.images)
    if rows:
        _save(folder / TEXTS / f"{TEXTS}_{number}.npy", shard.captions[rows])
        columns["caption"] = [shard.texts[row] for row in rows]
    path = folder / METADATA / f"{METADATA}_{number}.parquet"
    path.parent.mkdir(exist_ok=True)
    columns |= {"image_id": shard.image_ids, "label": shard.labels}
    pq.write_table(pa.table({k: pa.array(v, pa.string()) for k, v in columns.items()}), path)


def _save(path: Path, vectors: Vectors) -> None:
    path.parent.mkdir(exist_ok=True)
    np.save(path, np.ascontiguousarray(vectors, dtype=np.float16))
