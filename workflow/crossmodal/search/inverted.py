"""What all kinds of inverted lists have in common when they are searched."""

from typing import Any

import faiss

from crossmodal.search.points import Point, with_refinement
from crossmodal.search.settings import InvertedParameters

MOST_PROBES = 4096


def probes(params: InvertedParameters, count: int) -> list[Point]:
    """Return points of 1, 2, 3, 4, 6, 8, 12, ... lists, or of as many as the parameters say."""
    lists = params.lists(count)
    given = [min(params.nprobe, lists)] if params.nprobe else []
    steps = [n for i in range(MOST_PROBES.bit_length()) for n in (2**i, 3 * 2**i // 2)]
    some = [n for n in dict.fromkeys(steps) if n < min(lists, 2 * MOST_PROBES)]
    return with_refinement(params, [Point(nprobe=n) for n in given or [*some, min(lists, 2 * MOST_PROBES)]])


def look_into(index: Any, point: Point) -> None:
    """Let a query look into `point.nprobe` lists."""
    inverted: Any = faiss.extract_index_ivf(index)
    inverted.nprobe = point.nprobe
    quantiser = faiss.downcast_index(inverted.quantizer)
    if isinstance(quantiser, faiss.IndexHNSW):
        # A graph that keeps more candidates than lists asked for took twice the time and found no more.
        quantiser.hnsw.efSearch = inverted.nprobe
