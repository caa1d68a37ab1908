"""From a file of vectors to an index folder: each block is looked at once, and nothing is held whole."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow.parquet as pq

from crossmodal import registry
from crossmodal.commands.distinct import check_distinct
from crossmodal.errors import UserError
from crossmodal.models.embeddings import Vectors
from crossmodal.progress import progress
from crossmodal.search.build import build_index
from crossmodal.search.card import write_json
from crossmodal.search.checks import LENGTH, check_training, checked
from crossmodal.search.folder import (
    CARD,
    INDEX,
    ITEMS,
    POINTS,
    ROW_GROUP,
    VECTORS,
    choose_points,
    write_points,
)
from crossmodal.search.formats.vector_file import BLOCK, VectorFile
from crossmodal.search.formats.vector_file import ITEMS as ITEMS_SCHEMA
from crossmodal.search.points import Choice
from crossmodal.search.settings import IndexParameters
from crossmodal.search.store import VectorStore, open_store, write_store

T = TypeVar("T")

QUERIES = 1000
"""Queries that the operating point is chosen on at most."""
CAPTIONS = 200_000
"""Training captions that are used at most: 400 MB at width 512."""
KNOWN = ("model", "model_name", "adapter", "dataset")
"""What of the vectors' metadata goes into the card."""


@dataclass(frozen=True, slots=True)
class Built:
    """What became of the vectors."""

    items: int
    dimension: int
    factory: str
    size: int
    """Bytes of the index, without exact vectors."""
    choices: dict[str, Choice]
    """The operating point for "text" and for "image" queries."""


def check_models(*files: VectorFile | None) -> None:
    """Raise UserError where two of `files` say that different models made them."""
    known = [(file.path, file.metadata["model"]) for file in files if file and file.metadata.get("model")]
    for path, model in known[1:]:
        if model != known[0][1]:
            raise UserError(f"{path}: embedded with another model than {known[0][0]}; embed both with one")


def check_fit(params: IndexParameters, dimension: int, count: int, *, captions: bool) -> None:
    """Raise UserError where `params` cannot index `count` vectors of `dimension`: said before any is read."""
    kind = registry.parse("search", params.model_dump()).kind
    registry.load("search", kind).factory(params, dimension, count)
    check_training(kind, params.training_size(count), params.least(count))
    if not captions and (params.nnn or params.caption_share):
        raise UserError(
            "--set nnn and caption_share need training captions; give their vectors with --captions"
        )


def build_folder(
    source: VectorFile, params: IndexParameters, folder: Path, queries: VectorFile | None,
    captions: VectorFile | None, target: float, seed: int, *, normalise: bool,
) -> Built:  # fmt: skip
    """Write the index of `source` into the empty `folder`, with all that a search needs, and return what it is.

    Text queries are drawn from `queries`, image queries from `source`. Memory: a block of 65,536 vectors, the
    training sample, the index and the captions used. Raises UserError for what cannot be indexed.
    """
    _write_items(source, folder / ITEMS)
    some = np.random.default_rng(seed)
    asked = {"text": draw(queries, QUERIES, some, normalise=normalise)} if queries else {}
    bank = draw(captions, CAPTIONS, some, normalise=normalise) if captions else None
    read = folder / "reading.npy"
    write_store(read, _shown(unit_blocks(source, normalise=normalise), "reading", source.count), "float16")
    store = _ShownStore(open_store([read]).parts)
    rows = np.sort(some.choice(store.count, min(QUERIES, store.count), replace=False))
    asked["image"] = store.rows(rows)
    card = build_index(store, params, seed, folder / INDEX, bank, bank)
    said = {name: source.metadata.get(name) for name in KNOWN}
    write_json(folder / CARD, card | said | {"vectors": str(source.path.resolve())})
    if params.refinement:
        write_store(folder / VECTORS, (block for _, block in store.blocks()), params.refinement.precision)
    choices = choose_points(folder, store, params, asked, target)
    write_points(folder / POINTS, choices, target)
    read.unlink()
    return Built(card["items"], card["dimension"], card["factory"], card["bytes"]["file"], choices)


def draw(source: VectorFile, most: int, generator: np.random.Generator, *, normalise: bool) -> Vectors:
    """Return at most `most` random vectors of `source`, float32 [q, d], in its order; all are checked."""
    chosen = np.sort(generator.choice(source.count, min(most, source.count), replace=False))
    found, start = [], 0
    for block in unit_blocks(source, normalise=normalise):
        inside = chosen[(chosen >= start) & (chosen < start + len(block))]
        found.append(block[inside - start])
        start += len(block)
    return np.concatenate(found)


def unit_blocks(source: VectorFile, *, normalise: bool) -> Iterator[Vectors]:
    """Yield the vectors of `source`, float32 [b, d], checked, and with `normalise` scaled to unit length.

    Raises UserError for a vector that cannot be indexed.
    """
    where, start = str(source.path), 0
    for block in checked(_whole_blocks(source.blocks(BLOCK)), where, unit=False):
        lengths = np.linalg.norm(block, axis=1, keepdims=True)
        off = np.flatnonzero(np.abs(lengths[:, 0] - 1) > LENGTH)
        if len(off) and not normalise:
            raise UserError(
                f"{where}: row {start + off[0]} has length {lengths[off[0], 0]:.4g}; scores are inner products of"
                " vectors of unit length: scale them with --normalise"
            )
        start += len(block)
        yield block / lengths if normalise else block


def _whole_blocks(blocks: Iterator[Vectors]) -> Iterator[Vectors]:
    """Yield the rows of `blocks` in blocks of BLOCK rows: those of a file with many parts are small."""
    waiting: list[Vectors] = []
    for block in blocks:
        waiting.append(block)
        if sum(map(len, waiting)) >= BLOCK:
            joined = np.concatenate(waiting)
            yield joined[:BLOCK]
            waiting = [joined[BLOCK:]]
    if any(map(len, waiting)):
        yield np.concatenate(waiting)


class _ShownStore(VectorStore):
    """A store that shows how far each pass over it has come: adding to an index is one, exact search another."""

    def blocks(self, size: int = BLOCK) -> Iterator[tuple[int, Vectors]]:
        return _shown(super().blocks(size), "one pass", self.count, size)


def _shown(blocks: Iterator[T], label: str, count: int, size: int = BLOCK) -> Iterator[T]:
    return progress(blocks, label, total=-(-count // size), unit="block")


def _write_items(source: VectorFile, path: Path) -> None:
    """Write what the rows of `source` are; UserError where an id is missing or stands twice."""
    check_distinct(source.path, "id", lambda: (t.column("id").to_pylist() for t in source.items(ROW_GROUP)))
    with pq.ParquetWriter(path, ITEMS_SCHEMA, compression="zstd") as writer:
        for table in source.items(ROW_GROUP):
            writer.write_table(table)
