"""Queries to look at: drawn by a hash of their id, so nobody picks them, with what the model found."""

import base64
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from PIL import Image

from crossmodal.data.images import open_rgb
from crossmodal.data.tables import read_table

QueryKey = tuple[str, str, str, str]
"""(cell, dataset, variant, direction)"""
COLUMNS = ["direction", "query_id", "cluster", "rank", "top"]
SHOWN = 5
SIDE = 128


@dataclass(frozen=True, slots=True)
class Item:
    """One retrieved item: an image as data URI (empty if it cannot be shown) or a caption."""

    item_id: str
    rank: int
    positive: bool
    image: str
    text: str


@dataclass(frozen=True, slots=True)
class Query:
    """One query, its first items, and `expected`: its own image or caption if none of them is right."""

    direction: str
    query_id: str
    image: str
    text: str
    rank: int
    right: bool
    items: list[Item]
    expected: Item | None


class Gallery:
    """Images and captions of one test set by id; thumbnails are made when asked for."""

    def __init__(self, path: Path) -> None:
        """Read the dataset file at `path` (data/tables.py)."""
        rows = read_table(path, ["image_id", "image", "captions", "label"]).to_pylist()
        self._rows = {row["image_id"]: row for row in rows}
        self._thumbnails: dict[str, str] = {}

    def owner(self, item_id: str) -> str:
        """Return the image id that an image or caption id belongs to."""
        return item_id if item_id in self._rows else item_id.rpartition("#")[0]

    def label(self, item_id: str) -> str | None:
        """Return the label of an item, or None if this test set does not hold it."""
        row = self._rows.get(self.owner(item_id))
        return None if row is None else row["label"]

    def caption(self, item_id: str) -> str:
        """Return the caption with this id ("<image_id>#<k>"), or an empty string."""
        row, _, place = self._rows.get(self.owner(item_id)), *item_id.rpartition("#")[1:]
        if row is None or not place.isdigit() or int(place) >= len(row["captions"]):
            return ""
        return str(row["captions"][int(place)])

    def captions(self, image_id: str) -> list[str]:
        """Return all captions of an image."""
        return list(self._rows[image_id]["captions"]) if image_id in self._rows else []

    def thumbnail(self, image_id: str) -> str:
        """Return the image as a data URI, at most 128 px a side; an empty string if it cannot be read."""
        if image_id not in self._thumbnails:
            row = self._rows.get(image_id)
            self._thumbnails[image_id] = "" if row is None else _data_uri(row["image"]["bytes"])
        return self._thumbnails[image_id]


def select_queries(
    queries: Mapping[QueryKey, Path], key: tuple[str, str, str], gallery: Gallery, each: int = 3
) -> list[Query]:
    """Return up to `each` queries right at rank 1 and `each` wrong ones, for both directions.

    `key` is (cell, dataset, variant). Queries come in the order of the SHA-256 of their id, one a cluster, so
    the choice is the same on every run and shows no favours. Directions without a file are left out.
    """
    out = []
    for direction in ("text_to_image", "image_to_text"):
        path = queries.get((*key, direction))
        if path is None:
            continue
        frame = read_table(path, COLUMNS).to_pandas()
        frame = frame[(frame["direction"] == direction) & frame["rank"].notna()]
        frame = frame.assign(order=[hashlib.sha256(id.encode()).hexdigest() for id in frame["query_id"]])
        frame = frame.sort_values("order").drop_duplicates("cluster")
        for rows in (frame[frame["rank"] == 1], frame[frame["rank"] > 1]):
            out += [query_of(row, gallery) for _, row in rows.head(each).iterrows()]
    return out


def query_of(row: pd.Series, gallery: Gallery) -> Query:
    """Return the query of a row of results (columns COLUMNS) with what it found."""
    direction, query_id, cluster = str(row["direction"]), str(row["query_id"]), str(row["cluster"])
    label, found, rank = gallery.label(cluster), [str(id) for id in row["top"]][:SHOWN], int(row["rank"])
    items = [
        _item(id, place, label is not None and gallery.label(id) == label, direction, gallery)
        for place, id in enumerate(found, 1)
    ]
    expected = None
    if not any(item.positive for item in items):
        own = cluster if direction == "text_to_image" else f"{cluster}#0"
        expected = _item(own, rank, True, direction, gallery)
    by_text = direction == "text_to_image"
    return Query(
        direction,
        query_id,
        "" if by_text else gallery.thumbnail(cluster),
        gallery.caption(query_id) if by_text else "",
        rank,
        rank == 1,
        items,
        expected,
    )


def _item(item_id: str, rank: int, positive: bool, direction: str, gallery: Gallery) -> Item:
    if direction == "text_to_image":
        return Item(
            item_id, rank, positive, gallery.thumbnail(item_id), " / ".join(gallery.captions(item_id)[:1])
        )
    return Item(item_id, rank, positive, "", gallery.caption(item_id) or item_id)


def _data_uri(data: bytes) -> str:
    try:
        image = open_rgb(data)
    except ValueError:
        return ""
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, format="WEBP", quality=82, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
