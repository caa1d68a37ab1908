"""Optimised product quantisation (Ge et al. 2013): FAISS `OPQ{m},IVF{nlist},PQ{m}x{bits}np` or `...x4fsr`.

The rotation R minimises ||XR - q(XR)||^2, k-means of the codebooks and a Procrustes problem in turn.
"""

from typing import Any

from crossmodal.search.checks import check_divides
from crossmodal.search.inverted import look_into, probes
from crossmodal.search.opq_ivf_pq_params import Params
from crossmodal.search.points import Point


def factory(params: Params, dimension: int, count: int) -> str:
    """Return FAISS's factory string for `count` items of `dimension`; UserError where m does not divide it."""
    check_divides("opq_ivf_pq", params.m, dimension)
    return f"OPQ{params.m + bool(params.nnn)},{params.inverted(count)},{params.codes()}"


def points(params: Params, count: int) -> list[Point]:
    """Return the candidates for the operating point, cheap first."""
    return probes(params, count)


def apply(index: Any, point: Point) -> None:
    """Set how many lists a query looks into."""
    look_into(index, point)
