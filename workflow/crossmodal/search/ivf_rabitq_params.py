"""Parameters of the index `ivf_rabitq`."""

from typing import Literal

from pydantic import Field

from crossmodal.search.settings import InvertedParameters


class Params(InvertedParameters):
    """Inverted lists with RaBitQ codes (Gao and Long 2024; Gao et al. 2025), which take no training."""

    kind: Literal["ivf_rabitq"]
    bits: int = Field(default=1, ge=1, le=9)
    """Bits of each dimension; a vector takes d x bits / 8 bytes and a few numbers."""
