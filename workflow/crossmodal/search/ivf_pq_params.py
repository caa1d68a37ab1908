"""Parameters of the index `ivf_pq`."""

from typing import Literal

from crossmodal.search.settings import ProductParameters


class Params(ProductParameters):
    """Inverted lists with product-quantised vectors (Jégou et al. 2011)."""

    kind: Literal["ivf_pq"]
