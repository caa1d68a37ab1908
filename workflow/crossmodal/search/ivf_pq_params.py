"""Parameters of the index `ivf_pq`."""

from typing import Literal

from pydantic import Field

from crossmodal.parameters import Count, Parameters


class Params(Parameters):
    """Inverted lists with product-quantised vectors (Jégou et al. 2011)."""

    kind: Literal["ivf_pq"]
    nlist: Count
    """Inverted lists, the cells of the coarse quantiser."""
    m: Count
    """Subquantisers; a vector takes m x bits / 8 bytes. It divides the dimension."""
    bits: int = Field(default=8, ge=4, le=12)
    """Bits of each subquantiser's code."""
    nprobe: Count = 8
    """Lists that a query looks into."""
    refine: bool = False
    """Keep half-precision vectors too and put the best candidates in their exact order."""
