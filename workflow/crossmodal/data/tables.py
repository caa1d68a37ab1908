"""The dataset format: one Parquet file a split, images in the Hugging Face layout (DESIGN, artifacts).

Columns: `image_id` string, `image` struct{bytes, path}, `captions` list<string>, `label`, `group`, `style`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from crossmodal.errors import UserError

SPLITS = ("train", "val", "test")

SCHEMA = pa.schema(
    [
        ("image_id", pa.string()),
        ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        ("captions", pa.list_(pa.string())),
        ("label", pa.string()),
        ("group", pa.string()),
        ("style", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Example:
    """One image with its captions, as it goes into a dataset."""

    image_id: str
    """Unique in its dataset and stable over rebuilds."""
    image: bytes
    """An encoded image file (PNG or JPEG)."""
    path: str
    """A file name for the image, for people; nothing is read from it."""
    captions: list[str]
    label: str
    """What the image shows; examples with one label are positives of one another."""
    group: str
    style: str


def write_examples(
    path: Path,
    examples: Iterable[Example],
    metadata: dict[str, str] | None = None,
    found: Callable[[], dict[str, str]] | None = None,
) -> int:
    """Write `examples` to a Parquet file at `path` in row groups of 1,024 and return how many they were.

    `metadata` goes into the schema. What is known only when all are written, `found` returns then; it goes into
    the metadata of the file (`pyarrow.parquet.read_metadata`).
    """
    schema = SCHEMA.with_metadata(metadata or {})
    count = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        batch: list[dict[str, Any]] = []
        for example in examples:
            batch.append(
                {
                    "image_id": example.image_id,
                    "image": {"bytes": example.image, "path": example.path},
                    "captions": example.captions,
                    "label": example.label,
                    "group": example.group,
                    "style": example.style,
                }
            )
            if len(batch) == 1024:
                writer.write_table(pa.Table.from_pylist(batch, schema=schema))
                count, batch = count + len(batch), []
        writer.write_table(pa.Table.from_pylist(batch, schema=schema))
        if found:
            writer.add_key_value_metadata(found())
    return count + len(batch)


def read_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    """Return the Parquet table at `path`, or raise UserError with one line if it cannot be read."""
    try:
        return pq.read_table(path, columns=columns)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (pa.ArrowInvalid, OSError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: not a readable Parquet file ({reason}); remove it and run again") from None


def read_examples(path: Path) -> list[Example]:
    """Return the examples stored at `path`, in file order."""
    rows = read_table(path, SCHEMA.names).to_pylist()
    return [
        Example(
            row["image_id"], row["image"]["bytes"], row["image"]["path"],
            row["captions"], row["label"], row["group"], row["style"],
        )
        for row in rows
    ]  # fmt: skip
