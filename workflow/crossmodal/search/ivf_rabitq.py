"""Inverted lists with RaBitQ (Gao and Long 2024): FAISS `RR{d},IVF{nlist},RaBitQ{bits}`.

The bound on the error that its authors prove holds for randomly rotated vectors, hence the rotation.
"""

from typing import Any

from crossmodal.search.inverted import look_into, probes
from crossmodal.search.ivf_rabitq_params import Params
from crossmodal.search.points import Point


def factory(params: Params, dimension: int, count: int) -> str:
    """Return FAISS's factory string for `count` items of `dimension`."""
    bits = "" if params.bits == 1 else params.bits
    return f"RR{dimension + params.extra(dimension)},{params.inverted(count)},RaBitQ{bits}"


def points(params: Params, count: int) -> list[Point]:
    """Return the candidates for the operating point, cheap first."""
    return probes(params, count)


def apply(index: Any, point: Point) -> None:
    """Set how many lists a query looks into."""
    look_into(index, point)
