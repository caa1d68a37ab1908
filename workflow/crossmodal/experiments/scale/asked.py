"""Which captions ask, and the exhaustive results that several jobs read."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from crossmodal.errors import UserError
from crossmodal.models.embeddings import Embeddings, read_embeddings
from crossmodal.search.exhaustive import Top, merge_top

SPLITS = ("test", "val")


def asking(path: Path, queries: int | None, seed: int) -> Embeddings:
    """Return the captions at `path` that ask: all, or `queries` of them drawn with `seed`, in the file's
    order.
    """
    captions = read_embeddings(path)
    if queries is None or queries >= len(captions.ids):
        return captions
    rows = np.sort(np.random.default_rng(seed).choice(len(captions.ids), queries, replace=False))
    return Embeddings(
        [captions.ids[row] for row in rows],
        [captions.image_ids[row] for row in rows],
        [captions.labels[row] for row in rows],
        captions.vectors[rows],
        captions.metadata,
    )


def write_found(path: Path, found: dict[str, Top]) -> None:
    """Write the best items of the captions of each split: scores float32 [q, k], positions int64 [q, k]."""
    arrays = {
        f"{split}_{what}": part for split, top in found.items() for what, part in zip(PARTS, top, strict=True)
    }
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


PARTS = ("scores", "positions")


def read_found(paths: Sequence[Path], split: str) -> Top:
    """Return the best items over several shards for the captions of `split`; UserError where a file is none."""
    return merge_top([_read(path, split) for path in paths])


def _read(path: Path, split: str) -> Top:
    try:
        with np.load(path, allow_pickle=False) as found:
            scores, positions = (found[f"{split}_{what}"] for what in PARTS)
            return scores, positions
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path}: no results of a search ({error}); remove it and run again") from None
