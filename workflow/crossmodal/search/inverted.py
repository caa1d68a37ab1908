"""What all kinds of inverted lists have in common when they are searched."""

from typing import Any

import faiss

from crossmodal.search.points import Point, with_refinement
from crossmodal.search.settings import InvertedParameters

MOST_PROBES = 4096
BREADTH = 2  # candidates that a graph of centroids keeps for each list asked for


def probes(params: InvertedParameters, count: int) -> list[Point]:
    """Return points of 1, 2, 4, ... lists, or of as many as the parameters say."""
    lists = params.lists(count)
    given = [min(params.nprobe, lists)] if params.nprobe else []
    powers = [2**i for i in range(MOST_PROBES.bit_length()) if 2**i < lists]
    return with_refinement(params, [Point(nprobe=n) for n in given or [*powers, min(lists, 2 * MOST_PROBES)]])


def look_into(index: Any, point: Point) -> None:
    """Let a query look into `point.nprobe` lists."""
    inverted: Any = faiss.extract_index_ivf(index)
    inverted.nprobe = point.nprobe
    quantiser = faiss.downcast_index(inverted.quantizer)
    if isinstance(quantiser, faiss.IndexHNSW):
        quantiser.hnsw.efSearch = BREADTH * inverted.nprobe
