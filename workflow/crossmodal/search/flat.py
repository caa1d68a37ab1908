"""Exhaustive search over the exact vectors (FAISS `Flat`): the reference of every other index."""

from typing import Any

from crossmodal.search.flat_params import Params


def factory(params: Params, dimension: int, count: int) -> str:
    """Return FAISS's factory string."""
    return "Flat"


def configure(index: Any, params: Params) -> None:
    """Set the search-time parameters of a built or loaded index: there are none."""
