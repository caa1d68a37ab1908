"""An index folder: what `crossmodal index` and a study write, and `search` and `serve` read.

`index.faiss`, `card.json` (what is in it), `points.json` (how far to look, by side that asks), `items.parquet`
(what each row is), `vectors.npy` and `vectors.scales.npy` (exact vectors, where they refine), `bias.npy` (NNN).
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from crossmodal.data.tables import read_table
from crossmodal.errors import UserError
from crossmodal.models.embeddings import Vectors
from crossmodal.search.build import build_index
from crossmodal.search.card import read_card as read_card
from crossmodal.search.card import write_json
from crossmodal.search.checks import check_ids, check_vectors
from crossmodal.search.exhaustive import exhaustive
from crossmodal.search.nnn import bias_path, read_bias
from crossmodal.search.points import Choice, choose_point, points_of
from crossmodal.search.searcher import Searcher, read_index
from crossmodal.search.settings import IndexParameters
from crossmodal.search.store import VectorStore, open_store, write_store

INDEX, CARD, POINTS, ITEMS, VECTORS = (
    "index.faiss",
    "card.json",
    "points.json",
    "items.parquet",
    "vectors.npy",
)
SIDES = ("text", "image")
ROW_GROUP = 16_384  # items whose description is read to show one of them
K = 10  # results that the target recall is about


@dataclass(frozen=True, slots=True)
class Items:
    """What the rows of an index are, in its order."""

    ids: list[str]
    image_ids: list[str]
    labels: list[str]
    names: list[str]
    """What people call it."""
    paths: list[str | None]
    """Where the picture is."""
    captions: list[str | None]


def write_folder(
    folder: Path,
    store: VectorStore,
    items: Items,
    params: IndexParameters,
    seed: int,
    *,
    model: str,
    validation: Mapping[str, Vectors],
    target: float,
    captions: Vectors | None = None,
    bank: Vectors | None = None,
) -> dict[str, Choice]:
    """Check all input, build the index of `store` with all that belongs to it, and return its operating points.

    `validation` has queries, float32 [q, d], by side ("text", "image") for the operating points; `model` is the
    digest of what made the vectors; the rest is as for `build_index`. `folder` must not exist: it appears when it
    is complete. Raises UserError for whatever is wrong with the input, before anything is built.
    """
    check_vectors((block for _, block in store.blocks()), "vectors")
    check_ids(items.ids, store.count, "items")
    with new_folder(folder) as place:
        card = build_index(store, params, seed, place / INDEX, captions, bank)
        write_json(place / CARD, card | {"model": model})
        write_items(place / ITEMS, items)
        if params.refinement:
            blocks = (block for _, block in store.blocks())
            write_store(place / VECTORS, blocks, params.refinement.precision)
        choices = choose_points(place, store, params, validation, target)
        write_points(place / POINTS, choices, target)
    return choices


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Give a folder to write into, which becomes `folder` at the end; of what fails nothing is left.

    Raises UserError where `folder` is there and not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder}: is there already; name another folder or remove it first")
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def choose_points(
    folder: Path,
    store: VectorStore,
    params: IndexParameters,
    validation: Mapping[str, Vectors],
    target: float,
) -> dict[str, Choice]:
    """Return the operating point of the index in `folder` for each side of `validation`.

    The reference is exhaustive search over `store`, whose corrected scores count where the index holds NNN's.
    """
    exact = open_store([folder / VECTORS]) if params.refinement else None
    bias = read_bias(bias_path(folder / INDEX)) if params.nnn else None
    candidates = points_of(params, store.count)
    searcher = Searcher(read_index(folder / INDEX), exact, params, candidates[0], bias)
    return {
        side: choose_point(searcher, exhaustive(store, queries, K, bias)[1], queries, target, candidates)
        for side, queries in validation.items()
    }


def write_points(path: Path, choices: Mapping[str, Choice], target: float) -> None:
    """Write the operating points by side, with the curve that each was chosen from."""
    content = {}
    for side, choice in choices.items():
        known = asdict(choice)
        content[side] = {"point": known.pop("chosen"), "target": target, "k": K, **known}
    write_json(path, content)


def write_items(path: Path, items: Items) -> None:
    """Write what the rows of an index are: `id`, `image_id`, `label`, `name`, `path`, `caption`."""
    columns = {
        "id": items.ids, "image_id": items.image_ids, "label": items.labels, "name": items.names,
        "path": items.paths, "caption": items.captions,
    }  # fmt: skip
    table = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
    pq.write_table(table, path, compression="zstd", row_group_size=ROW_GROUP)


def read_items(folder: Path) -> Items:
    """Return what the rows of the index in `folder` are; UserError where the file is broken."""
    path = folder / ITEMS
    table: Any = read_table(path)
    names = ("id", "image_id", "label", "name", "path", "caption")
    if lacking := [name for name in names if name not in table.column_names]:
        raise UserError(f"{path}: has no column {lacking[0]}; build the index again")
    return Items(*(table.column(name).to_pylist() for name in names))
