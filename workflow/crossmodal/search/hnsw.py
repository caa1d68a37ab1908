"""A hierarchical navigable small world (Malkov and Yashunin 2020): FAISS `HNSW{links}_SQfp16` or `_SQ8`."""

from typing import Any

import faiss

from crossmodal.search.hnsw_params import Params
from crossmodal.search.points import Point, with_refinement

STORAGE = {"float16": "SQfp16", "sq8": "SQ8"}
BREADTHS = (16, 32, 64, 128, 256, 512, 1024)


def factory(params: Params, dimension: int, count: int) -> str:
    """Return FAISS's factory string."""
    return f"HNSW{params.links}_{STORAGE[params.storage]}"


def prepare(index: Any, params: Params, seed: int) -> None:
    """Set what building depends on; the layers of the items are drawn from `seed`."""
    generators: Any = faiss  # its type hints know none
    index.hnsw.efConstruction = params.ef_construction
    index.hnsw.rng = generators.RandomGenerator(seed)


def points(params: Params, count: int) -> list[Point]:
    """Return the candidates for the operating point, cheap first."""
    breadths = [params.ef_search] if params.ef_search else [b for b in BREADTHS if b < 2 * count]
    return with_refinement(params, [Point(ef_search=breadth) for breadth in breadths or [BREADTHS[0]]])


def apply(index: Any, point: Point) -> None:
    """Set how many candidates are kept while a query is answered."""
    index.hnsw.efSearch = point.ef_search
