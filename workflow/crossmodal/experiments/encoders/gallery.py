"""One caption asked of every encoder: drawn by a hash, so nobody picks it."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from crossmodal.data.tables import read_table
from crossmodal.report.gallery import COLUMNS, Gallery, Query, query_of
from crossmodal.statistics.queries import TEXT_TO_IMAGE


def one_caption(queries: Mapping[str, Path], images: Path) -> dict[str, Query]:
    """Return by encoder what one and the same caption found; nothing where there are no queries.

    `queries` are the results on the test split by encoder, `images` that split. The caption is the first by the
    SHA-256 of its id of those that some encoder, not all, answered at once: others tell no encoder from another.
    """
    frames = {}
    for cell, path in queries.items():
        frame = read_table(path, COLUMNS).to_pandas()
        frames[cell] = frame[frame["direction"] == TEXT_TO_IMAGE].set_index("query_id", drop=False)
    if not frames:
        return {}
    first = [set(frame.index[frame["rank"] == 1]) for frame in frames.values()]
    telling = set.union(*first) - set.intersection(*first) or set(next(iter(frames.values())).index)
    chosen = min(telling, key=lambda name: hashlib.sha256(str(name).encode()).hexdigest())
    gallery = Gallery(images)
    return {cell: query_of(frame.loc[chosen], gallery) for cell, frame in frames.items()}
