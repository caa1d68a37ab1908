"""Parameters of the index `opq_ivf_pq`."""

from typing import Literal

from crossmodal.parameters import Count
from crossmodal.search.settings import ProductParameters


class Params(ProductParameters):
    """Inverted lists with product-quantised vectors that an optimised rotation prepares (Ge et al. 2013)."""

    kind: Literal["opq_ivf_pq"]
    alternations: Count = 20
    """Times that codebooks and rotation are fitted to one another."""
