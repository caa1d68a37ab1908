"""Results of single queries: what is measured about each, as one Parquet file a (model, set)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from crossmodal.errors import UserError
from crossmodal.statistics.metrics import (
    CONCEPT_METRICS,
    METRICS,
    Integers,
    Scores,
    score_lists,
    score_queries,
)

TEXT_TO_IMAGE, IMAGE_TO_TEXT = "text_to_image", "image_to_text"
DIRECTIONS = (TEXT_TO_IMAGE, IMAGE_TO_TEXT)

SCHEMA = pa.schema(
    [
        ("direction", pa.string()),
        ("query_id", pa.string()),
        ("cluster", pa.string()),  # the image that owns the query: the unit of the bootstrap
        ("label", pa.string()),
        *((name, pa.float64()) for name in METRICS),
        *((name, pa.float64()) for name in CONCEPT_METRICS),  # null where no whole gallery was ranked
        ("rank", pa.int64()),
        ("top", pa.list_(pa.string())),
    ]
)


class Rows(Protocol):
    """The columns that name the rows of an embedding table (see `crossmodal.models.embeddings.Embeddings`)."""

    @property
    def ids(self) -> list[str]: ...
    @property
    def image_ids(self) -> list[str]: ...
    @property
    def labels(self) -> list[str]: ...


class Vectors(Rows, Protocol):
    """An embedding table: L2-normalised `vectors`, float32 [n, d], with their rows' names."""

    @property
    def vectors(self) -> NDArray[np.float32]: ...


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Some rows of an embedding table."""

    ids: list[str]
    image_ids: list[str]
    labels: list[str]
    vectors: NDArray[np.float32]


def with_answers(queries: Vectors, gallery: Rows) -> Vectors:
    """Return the queries that have a positive in the gallery: an image that no caption is of asks for none."""
    known = set(gallery.labels)
    rows = [row for row, label in enumerate(queries.labels) if label in known]
    if len(rows) == len(queries.ids):
        return queries
    ids, image_ids, labels = (
        [column[row] for row in rows] for column in (queries.ids, queries.image_ids, queries.labels)
    )
    return Part(ids, image_ids, labels, queries.vectors[rows])


def evaluate_set(images: Vectors, captions: Vectors, path: Path) -> None:
    """Write the results of captions against all images and of images against all captions to `path`.

    Gallery items with the query's label are its positives. Images that no caption is of are searched and do not
    ask. UserError if a table is empty, the widths differ or a caption has no positive.
    """
    for name, table in (("images", images), ("captions", captions)):
        if not table.ids:
            raise UserError(f"{path.name}: no {name} to evaluate; the split is empty")
    if images.vectors.shape[1] != captions.vectors.shape[1]:
        raise UserError(
            f"{path.name}: images have {images.vectors.shape[1]} dimensions and captions "
            f"{captions.vectors.shape[1]}; both must come from one model"
        )
    image_labels, caption_labels = _codes(images.labels, captions.labels)
    text_to_image = score_queries(captions.vectors, images.vectors, caption_labels, image_labels)
    asking = with_answers(images, captions)
    asking_labels, caption_labels = _codes(asking.labels, captions.labels)
    image_to_text = score_queries(asking.vectors, captions.vectors, asking_labels, caption_labels)
    tables = [
        query_table(TEXT_TO_IMAGE, captions, images.ids, text_to_image),
        query_table(IMAGE_TO_TEXT, asking, captions.ids, image_to_text),
    ]
    pq.write_table(pa.concat_tables(tables), path, compression="zstd")


def evaluate_lists(
    captions: Rows, gallery_ids: Sequence[str], gallery_labels: Sequence[str], positions: Integers, path: Path
) -> None:
    """Write the results of captions whose retrieved lists are given as gallery positions to `path`.

    `positions` is [captions, n], best first, -1 where the index found nothing more. The rank is null where no
    positive is in the list.
    """
    captions_codes, gallery_codes = _codes(captions.labels, gallery_labels)
    scores = score_lists(positions, captions_codes, gallery_codes)
    pq.write_table(query_table(TEXT_TO_IMAGE, captions, gallery_ids, scores), path, compression="zstd")


def query_table(direction: str, queries: Rows, gallery_ids: Sequence[str], scores: Scores) -> pa.Table:
    """Return the results of one direction, a table of `SCHEMA`: `queries` against the gallery of `gallery_ids`."""
    top = [[gallery_ids[item] for item in items if item >= 0] for items in scores.top]
    columns = [
        pa.array([direction] * len(queries.ids), pa.string()),
        pa.array(queries.ids, pa.string()),
        pa.array(queries.image_ids, pa.string()),
        pa.array(queries.labels, pa.string()),
        *(pa.array(scores.metrics[name]) for name in METRICS),
        *(
            pa.array(scores.metrics[name])
            if name in scores.metrics
            else pa.nulls(len(queries.ids), pa.float64())
            for name in CONCEPT_METRICS
        ),
        pa.array(scores.rank, mask=scores.rank == 0),
        pa.array(top, pa.list_(pa.string())),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def _codes(first: Sequence[str], second: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return both lists of labels as integer codes, equal codes for equal labels."""
    _, codes = np.unique([*first, *second], return_inverse=True)
    return codes[: len(first)], codes[len(first) :]
