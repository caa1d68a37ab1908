"""Features of classified images as Parquet: a row for each image and view, and what turns them into embeddings.

Columns: `image_id`, `cluster` (what is resampled as one), `label` string, `view` int32, `features`
fixed_size_list<float16>[w] of before the last projection of the image tower, `pixels` fixed_size_list<float16>[p].
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from crossmodal.data.tables import read_table
from crossmodal.errors import UserError


@dataclass(frozen=True)
class Features:
    """The images of a split, in file order."""

    ids: list[str]
    clusters: list[str]
    labels: list[str]
    vectors: Tensor
    """float32 [n, views, w], before the projection."""
    pixels: Tensor
    """float32 [n, p], what is left of an image in a few pixels."""

    def take(self, rows: Sequence[int]) -> "Features":
        """Return the images in `rows`, in that order."""
        ids, clusters, labels = (
            [column[r] for r in rows] for column in (self.ids, self.clusters, self.labels)
        )
        return Features(ids, clusters, labels, self.vectors[list(rows)], self.pixels[list(rows)])


@dataclass(frozen=True)
class Head:
    """What turns features into embeddings, and what stands for each class."""

    weight: Tensor
    """The projection, float32 [d, w]."""
    bias: Tensor | None
    """[d], of a projection that has one."""
    scale: float
    """What cosines are multiplied with, the inverse of the temperature."""
    classes: list[str]
    texts: Tensor
    """Unit embeddings of the classes, float32 [classes, d]."""


def write_features(path: Path, features: Features, metadata: dict[str, str]) -> None:
    """Write `features` to `path`."""
    count, views = features.vectors.shape[:2]

    def halves(values: Tensor) -> pa.Array:
        flat = np.ascontiguousarray(values.numpy(), dtype=np.float16)
        return pa.FixedSizeListArray.from_arrays(pa.array(flat.reshape(-1)), flat.shape[-1])

    def each(column: Sequence[str]) -> pa.Array:
        return pa.array([value for value in column for _ in range(views)], pa.string())

    table = pa.table(
        {
            "image_id": each(features.ids),
            "cluster": each(features.clusters),
            "label": each(features.labels),
            "view": pa.array(list(range(views)) * count, pa.int32()),
            "features": halves(features.vectors.flatten(0, 1)),
            "pixels": halves(features.pixels.repeat_interleave(views, dim=0)),
        }
    )
    pq.write_table(table.replace_schema_metadata(metadata), path, compression="zstd")


def read_features(path: Path) -> Features:
    """Return the features at `path`; UserError where it is no such file."""
    table = read_table(path)
    if not {"image_id", "cluster", "label", "view", "features", "pixels"} <= set(table.column_names):
        raise UserError(f"{path}: not a file of features (columns {', '.join(table.column_names)})")
    views = len(set(table["view"].to_pylist())) or 1
    rows = table.num_rows // views

    def vectors(name: str) -> Tensor:
        column = table[name].combine_chunks()
        flat = column.flatten().to_numpy(zero_copy_only=False).astype(np.float32)
        return torch.from_numpy(flat.reshape(rows, views, column.type.list_size))

    ids, clusters, labels = (table[name].to_pylist()[::views] for name in ("image_id", "cluster", "label"))
    return Features(ids, clusters, labels, vectors("features"), vectors("pixels")[:, 0])


def write_head(path: Path, head: Head) -> None:
    """Write `head` to the safetensors file at `path`."""
    tensors = {"weight": head.weight, "texts": head.texts, "scale": torch.tensor([head.scale])}
    if head.bias is not None:
        tensors["bias"] = head.bias
    named = {name: tensor.float().contiguous() for name, tensor in tensors.items()}
    save_file(named, path, {"classes": json.dumps(head.classes, ensure_ascii=False)})


def read_head(path: Path) -> Head:
    """Return the head at `path`; UserError where it is no such file."""
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
            classes = json.loads(file.metadata()["classes"])
        return Head(
            tensors["weight"], tensors.get("bias"), float(tensors["scale"]), classes, tensors["texts"]
        )
    except (OSError, KeyError, TypeError, ValueError, SafetensorError) as error:
        raise UserError(
            f"{path}: not an image tower's projection ({error}); remove it and run again"
        ) from None
