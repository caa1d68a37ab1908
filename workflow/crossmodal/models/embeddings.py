"""Embeddings of a dataset as Parquet: one row for each image, and one for each caption.

Columns: `id` string, `image_id` string (the image itself, or the image that the caption describes), `label`
string (rows with one label are positives of one another), `embedding` fixed_size_list<float16>[d]. Vectors
have unit length; half precision keeps about three digits, and reading restores the length.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from crossmodal.data.tables import read_table
from crossmodal.errors import UserError

Vectors = npt.NDArray[np.float32]
ROW_GROUP = 65_536


@dataclass(frozen=True, slots=True)
class Embeddings:
    """The embeddings of one modality of one dataset, in file order."""

    ids: list[str]
    """The image's id, or "<image_id>#<k>" for its caption k."""
    image_ids: list[str]
    labels: list[str]
    vectors: Vectors
    """[n, d], unit length."""
    metadata: dict[str, str]
    """Digests of the model and of the dataset, under `model` and `dataset`."""


def write_embeddings(
    path: Path,
    ids: Sequence[str],
    image_ids: Sequence[str],
    labels: Sequence[str],
    embeddings: Vectors,
    metadata: dict[str, str],
) -> None:
    """Write `embeddings`, float32 [n, d] of unit length, to `path`; the other columns have n entries each."""
    n, d = embeddings.shape
    if not len(ids) == len(image_ids) == len(labels) == n:
        raise ValueError(f"{n} embeddings need {n} ids, image ids and labels")
    half = pa.array(np.ascontiguousarray(embeddings, dtype=np.float16).reshape(-1))
    columns = {
        "id": pa.array(ids, pa.string()),
        "image_id": pa.array(image_ids, pa.string()),
        "label": pa.array(labels, pa.string()),
        "embedding": pa.FixedSizeListArray.from_arrays(half, d),
    }
    table = pa.table(columns).replace_schema_metadata(metadata)
    pq.write_table(table, path, compression="zstd", row_group_size=ROW_GROUP)


def read_embeddings(path: Path) -> Embeddings:
    """Return the embeddings stored at `path`, or raise UserError where it is no such file."""
    table = read_table(path)
    known = {"id", "image_id", "label", "embedding"} <= set(table.column_names)
    kind = table.schema.field("embedding").type if known else pa.null()
    if not pa.types.is_fixed_size_list(kind):
        raise UserError(f"{path}: not an embedding file (columns {', '.join(table.column_names)})")
    column = table.column("embedding").combine_chunks()
    vectors = restored(column.flatten().to_numpy(zero_copy_only=False).reshape(-1, kind.list_size))
    return Embeddings(
        ids=table.column("id").to_pylist(),
        image_ids=table.column("image_id").to_pylist(),
        labels=table.column("label").to_pylist(),
        vectors=vectors,
        metadata={key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()},
    )


def restored(half: npt.NDArray[np.floating[Any]]) -> Vectors:
    """Return the float32 vectors of unit length that `half`, float16 [n, d] as files hold them, stands for."""
    vectors = half.astype(np.float32)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return vectors
