"""What a model answers when it is asked for the class of an image: right among all classes, and among those
seen."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from crossmodal.data.images import decode_split
from crossmodal.data.tables import read_table
from crossmodal.errors import UserError
from crossmodal.models.embeddings import Vectors

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("dataset", "split", "variant")),
        ("after", pa.int64()),  # sessions that were learnt; 0 for the base model
        *((name, pa.string()) for name in ("image_id", "cluster", "label")),
        (
            "session",
            pa.int64(),
        ),  # the session of the image's class, from 1; 0 for a dataset that is not learnt
        ("correct", pa.bool_()),  # among all classes of the dataset
        ("correct_seen", pa.bool_()),  # among those learnt so far; null for a class that is not yet
    ]
)


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """The images of a set whose class is asked for."""

    dataset: str
    split: str
    variant: str
    classes: list[str]
    sessions: NDArray[np.int64]
    """The session of each class, [classes]."""
    ids: list[str]
    clusters: list[str]
    truth: NDArray[np.int64]
    """The class of each image, [n]."""
    pixels: NDArray[np.uint8]
    """[n, size, size, 3]."""


def read_asked(
    path: Path, name: tuple[str, str, str], sessions: Sequence[Sequence[str]], cluster: str, size: int,
    *, all_classes: bool,
) -> Asked:  # fmt: skip
    """Return the images of the dataset file `path`, called `name`, whose class is in one of the `sessions`.

    Without sessions its own labels are its classes. `cluster` is the column of what belongs together.
    UserError for an image of another class where there are to be `all_classes`, and for a session without images.
    """
    table = read_table(path, list(dict.fromkeys(["image_id", "label", cluster])))
    labels: list[str] = table["label"].to_pylist()
    dealt = sessions or [sorted(set(labels))]
    classes = [label for own in dealt for label in own]
    number = {label: position for position, label in enumerate(classes)}
    if all_classes and (other := next((label for label in labels if label not in number), None)) is not None:
        raise UserError(
            f'{path}: class "{other}" is in no session, as it has no training image;'
            " write rare: leave_out, or continual.classes"
        )
    rows = [row for row, label in enumerate(labels) if label in number]
    first = 1 if sessions else 0
    numbers = [session for session, own in enumerate(dealt, start=first) for _ in own]
    if empty := next(
        (n for n, own in enumerate(sessions, 1) if not {labels[row] for row in rows} & set(own)), 0
    ):
        raise UserError(
            f"{path}: no image of a class of session {empty}; each is asked about after every session"
        )
    ids, clusters = table["image_id"].to_pylist(), table[cluster].to_pylist()
    return Asked(
        *name,
        classes,
        np.array(numbers, dtype=np.int64),
        [ids[row] for row in rows],
        [clusters[row] for row in rows],
        np.array([number[labels[row]] for row in rows], dtype=np.int64),
        decode_split(path, size)[rows],
    )


def part(asked: Asked, wanted: NDArray[np.bool_]) -> Asked:
    """Return the images that are `wanted`, [n], of a set."""
    rows = np.flatnonzero(wanted)
    return replace(
        asked, ids=[asked.ids[row] for row in rows], clusters=[asked.clusters[row] for row in rows],
        truth=asked.truth[rows], pixels=asked.pixels[rows],
    )  # fmt: skip


def beside(asked: Asked, shots: Collection[str]) -> Asked:
    """Return the images of a set whose cluster has none of the `shots`, ids of images."""
    seen = {cluster for name, cluster in zip(asked.ids, asked.clusters, strict=True) if name in shots}
    return part(asked, np.array([cluster not in seen for cluster in asked.clusters], dtype=bool))


def together(asked: Asked, more: Asked) -> Asked:
    """Return the images of two sets of the same classes as one, which has the name of the first."""
    return replace(
        asked, ids=asked.ids + more.ids, clusters=asked.clusters + more.clusters,
        truth=np.concatenate([asked.truth, more.truth]), pixels=np.concatenate([asked.pixels, more.pixels]),
    )  # fmt: skip


def answered(asked: Asked, images: Vectors, classes: Vectors, after: int) -> pa.Table:
    """Return a row of `SCHEMA` for each image, from unit vectors of the images [n, d] and of the classes [c,
    d].

    An image is right if its class is nearer than every other one: of equal similarities the wrong ones stand
    first.
    """
    count = len(asked.ids)
    similarities = images @ classes.T
    own = similarities[np.arange(count), asked.truth].copy()
    similarities[np.arange(count), asked.truth] = -np.inf
    session = asked.sessions[asked.truth]
    correct = own > similarities.max(axis=1, initial=-np.inf)
    seen = asked.sessions <= after
    correct_seen = own > np.where(seen, similarities, -np.inf).max(axis=1, initial=-np.inf)
    columns = [
        *(pa.array([value] * count, pa.string()) for value in (asked.dataset, asked.split, asked.variant)),
        pa.array([after] * count, pa.int64()),
        pa.array(asked.ids, pa.string()),
        pa.array(asked.clusters, pa.string()),
        pa.array([asked.classes[position] for position in asked.truth], pa.string()),
        pa.array(session),
        pa.array(correct),
        pa.array(correct_seen, mask=(session > after) | (session == 0)),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)
