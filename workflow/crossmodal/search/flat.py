"""Exhaustive search over the exact vectors (FAISS `Flat`): the reference of every other index."""

from crossmodal.search.flat_params import Params


def factory(params: Params, dimension: int, count: int) -> str:
    """Return FAISS's factory string."""
    return "Flat"
