"""Parameters of the index `opq_ivf_pq`."""

from typing import Literal

from crossmodal.parameters import Count
from crossmodal.search.settings import ProductParameters


class Params(ProductParameters):
    """Inverted lists with product-quantised vectors that an optimised rotation prepares (Ge et al. 2013)."""

    kind: Literal["opq_ivf_pq"]
    alternations: Count = 20
    """Times that codebooks and rotation are fitted to one another."""
    dimensions: Count | None = None
    """Dimensions that are kept after the rotation, those in which vectors differ most; null for all."""

    def kept(self, dimension: int) -> int:
        """Return how many dimensions of vectors of `dimension` are coded."""
        return self.dimensions or dimension

    def extra(self, dimension: int) -> int:
        """Return how many columns are added to vectors: one, which the rotation leaves as it is."""
        return int(self.augmented)
