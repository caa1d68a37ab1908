"""Optimised product quantisation (Ge et al. 2013): FAISS `OPQ{m}_{d},IVF{nlist},PQ{m}x{bits}np` or `...x4fsr`.

The rotation R minimises ||XR - q(XR)||^2, k-means of the codebooks and a Procrustes problem in turn. It may keep
fewer dimensions than there are: an item's code then says more of those in which items differ.
"""

from typing import Any

from crossmodal.errors import UserError
from crossmodal.search.checks import check_divides
from crossmodal.search.inverted import look_into, probes
from crossmodal.search.opq_ivf_pq_params import Params
from crossmodal.search.points import Point


def factory(params: Params, dimension: int, count: int) -> str:
    """Return FAISS's factory string for `count` items of `dimension`.

    UserError where m does not divide the dimensions that are kept, or these are more than there are.
    """
    kept = params.kept(dimension)
    if kept > dimension:
        raise UserError(f"opq_ivf_pq: vectors of {dimension} dimensions have no {kept} to keep (dimensions)")
    check_divides("opq_ivf_pq", params.m, kept)
    m, width = params.m + params.augmented, kept + params.augmented * kept // params.m
    return f"OPQ{m}_{width},{params.inverted(count)},{params.codes()}"


def points(params: Params, count: int) -> list[Point]:
    """Return the candidates for the operating point, cheap first."""
    return probes(params, count)


def apply(index: Any, point: Point) -> None:
    """Set how many lists a query looks into."""
    look_into(index, point)
