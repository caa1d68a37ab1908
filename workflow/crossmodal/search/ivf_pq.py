"""Inverted lists with product quantisation (Jégou et al. 2011): FAISS `IVF{nlist},PQ{m}x{bits}np`, `...x4fsr`."""

from typing import Any

from crossmodal.search.checks import check_divides
from crossmodal.search.inverted import look_into, probes
from crossmodal.search.ivf_pq_params import Params
from crossmodal.search.points import Point


def factory(params: Params, dimension: int, count: int) -> str:
    """Return FAISS's factory string for `count` items of `dimension`; UserError where m does not divide it."""
    check_divides("ivf_pq", params.m, dimension)
    return f"{params.inverted(count)},{params.codes()}"


def points(params: Params, count: int) -> list[Point]:
    """Return the candidates for the operating point, cheap first."""
    return probes(params, count)


def apply(index: Any, point: Point) -> None:
    """Set how many lists a query looks into."""
    look_into(index, point)
