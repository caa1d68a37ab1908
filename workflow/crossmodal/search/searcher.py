"""An index that is ready to answer, with the vectors that its candidates are refined by."""

from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from crossmodal import registry
from crossmodal.errors import UserError
from crossmodal.models.embeddings import Vectors
from crossmodal.search.card import read_card, read_json
from crossmodal.search.exhaustive import Top, in_order
from crossmodal.search.nnn import append_one, bias_path, read_bias
from crossmodal.search.points import Point
from crossmodal.search.settings import IndexParameters
from crossmodal.search.store import Positions, VectorStore, open_store

PACKAGE = "search"
SMALL = 4096  # bytes


@dataclass
class Searcher:
    """Queries in, the best items out. Positions are rows of what was indexed, in its order."""

    index: Any
    """FAISS's index. Its search settings follow `point`, so two searchers do not share one."""
    store: VectorStore | None
    """Exact vectors that candidates are scored by; None trusts the index."""
    params: IndexParameters
    point: Point
    bias: Vectors | None = None
    """float32 [n], NNN's correction of each item, already in the index; needed where there is a store."""

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if name == "point":  # the last of the fields that the index needs
            apply_point(self.index, self.params, value)

    @property
    def count(self) -> int:
        """Return the number of items."""
        return int(self.index.ntotal)

    def search(self, queries: Vectors, k: int) -> Top:
        """Return scores float32 [q, k] and positions int64 [q, k] of the best items, by falling score.

        `queries` float32 [q, d] of unit length. Scores are exact where there is a store, else the index's own;
        with NNN they are corrected. k is cut to the number of items; a place is -1, with score -inf, only where
        the lists that were looked into hold no more.
        """
        k = min(k, self.count)
        if self.store is None:
            return self.candidates(queries, k)
        found = self.candidates(queries, min(self.count, ceil(k * self.point.k_factor)))
        return self.refine(queries, found[1], k)

    def candidates(self, queries: Vectors, n: int) -> Top:
        """Return the first n items by the index alone, as `search` does."""
        n = min(n, self.count)
        extra = self.index.d - queries.shape[1]
        asked = append_one(queries, extra) if extra else np.ascontiguousarray(queries)
        scores, positions = self.index.search(asked, n)
        scores[positions < 0] = -np.inf
        return scores, positions

    def refine(self, queries: Vectors, positions: Positions, k: int) -> Top:
        """Return the k best of the items `positions` int64 [q, n] by exact score, as `search` does."""
        if self.store is None:
            raise ValueError("an index without exact vectors cannot be refined")
        scores = np.empty(positions.shape, np.float32)
        for row, (query, found) in enumerate(zip(queries, positions, strict=True)):
            scores[row] = self.store.scores(query, found)
        if self.bias is not None:
            scores += self.bias[np.maximum(positions, 0)]
        return in_order(scores, positions, k)


def open_searcher(folder: Path, side: str = "text") -> Searcher:
    """Return the index in `folder` (search/folder.py), memory-mapped, at its point for queries of `side`.

    A side ("text" or "image") that no point was chosen for gets that of the other. Raises UserError where a file
    is missing, truncated or of another index.
    """
    card, chosen = read_card(folder), read_json(folder / "points.json")
    try:
        params = registry.parse(PACKAGE, card["parameters"])
        count, size = card["items"], card["bytes"]["file"]
        point = Point(**(chosen.get(side) or next(iter(chosen.values())))["point"])
    except (KeyError, TypeError, ValueError, StopIteration):
        raise UserError(f"{folder}: card.json or points.json is of another release; build it again") from None
    path = folder / "index.faiss"
    if path.exists() and path.stat().st_size != size:
        raise UserError(
            f"{path}: has {path.stat().st_size} bytes instead of {size}: truncated; build it again"
        )
    index = read_index(path)
    store = open_store([folder / "vectors.npy"]) if params.refinement else None
    bias = read_bias(bias_path(path)) if params.nnn else None
    held = {
        "index": index.ntotal,
        "vectors": count if store is None else store.count,
        "bias": count if bias is None else len(bias),
    }
    for name, number in held.items():
        if number != count:
            raise UserError(f"{folder}: its {name} has {number} items, its card {count}; build it again")
    return Searcher(index, store, params, point, bias)


def apply_point(index: Any, params: IndexParameters, point: Point) -> None:
    """Set the search-time parameters of `index`; a kind without any needs nothing."""
    kind = registry.load(PACKAGE, params.kind)
    if hasattr(kind, "apply"):
        kind.apply(index, point)


def read_index(path: Path, *, mapped: bool = True) -> Any:
    """Return the index at `path`, memory-mapped where its kind allows; UserError if it is truncated or none.

    Blocks of fast-scan codes are read into memory, as FAISS cannot map them.
    """
    try:
        index = faiss.read_index(str(path), _flags(path) if mapped else 0)
        _map_quietly(index, path.stat().st_size)
    except (OSError, RuntimeError):
        raise UserError(f"{path}: not a whole FAISS index; remove it and build it again") from None
    return index


def _flags(path: Path) -> int:
    """Return how the index at `path` is mapped: inverted lists in one way, flat codes and graphs in another.

    Small files are read, since FAISS's mapping ends the process where a file is cut within its header.
    """
    with path.open("rb") as file:
        begins = file.read(SMALL)
    if len(begins) < SMALL:
        return 0
    return int(faiss.IO_FLAG_MMAP if begins.startswith((b"Iw", b"IxPT")) else faiss.IO_FLAG_MMAP_IFC)


def _map_quietly(index: Any, size: int) -> None:
    """Switch off the threads that read ahead; RuntimeError where mapped lists go beyond the file's `size` bytes.

    Starting those threads takes several times as long as most searches, and reading beyond the end of a mapped
    file would end the process.
    """
    try:
        inverted: Any = faiss.extract_index_ivf(index)
    except RuntimeError:
        return
    lists: Any = faiss.downcast_InvertedLists(inverted.invlists)
    if isinstance(lists, faiss.OnDiskInvertedLists):
        if lists.totsize > size:
            raise RuntimeError("the file ends within a list")
        lists.prefetch_nthread = 0
