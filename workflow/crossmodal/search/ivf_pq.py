"""Inverted lists with product quantisation (Jégou et al. 2011): FAISS `IVF{nlist},PQ{m}x{bits}np`.

`np` leaves out the reordering of the codebooks for polysemous codes (Douze et al. 2016), which takes most of
the training time of a small index and which this search does not use.
"""

from typing import Any

import faiss

from crossmodal.errors import UserError
from crossmodal.search.ivf_pq_params import Params

REFINED = 8.0  # candidates refined for each result; with FAISS's 1 the same results would only change places


def factory(params: Params, dimension: int, count: int) -> str:
    """Return FAISS's factory string for `count` training vectors of `dimension`.

    Raises UserError where m does not divide the dimension or there are too few vectors for the codebooks.
    """
    if dimension % params.m:
        fitting = [m for m in range(1, dimension + 1) if dimension % m == 0]
        raise UserError(f"index ivf_pq: m={params.m} must divide the dimension {dimension} ({fitting})")
    needed = max(params.nlist, 2**params.bits)
    if count < needed:
        raise UserError(
            f"index ivf_pq: {count} vectors cannot train nlist={params.nlist} lists and codebooks of "
            f"{2**params.bits} entries; give at least {needed} vectors, or lower nlist or bits"
        )
    refine = ",Refine(SQfp16)" if params.refine else ""
    return f"IVF{params.nlist},PQ{params.m}x{params.bits}np{refine}"


def configure(index: Any, params: Params) -> None:
    """Set how many lists a query looks into and how many candidates are refined."""
    faiss.extract_index_ivf(index).nprobe = params.nprobe
    if params.refine:
        index.k_factor = REFINED
