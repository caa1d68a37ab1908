"""Parameters of the index `hnsw`."""

from typing import Literal

from crossmodal.parameters import Count
from crossmodal.search.settings import IndexParameters


class Params(IndexParameters):
    """A navigable graph of all items (Malkov and Yashunin 2020)."""

    kind: Literal["hnsw"]
    links: Count = 32
    """Neighbours of an item in the upper layers; the lowest has twice as many."""
    storage: Literal["float16", "sq8"] = "float16"
    """How the vectors are held: two bytes a dimension or one."""
    ef_construction: Count = 80
    """Candidates kept while an item's neighbours are looked for."""
    ef_search: Count | None = None
    """Candidates kept while a query is answered; null for the least that reaches the target."""
