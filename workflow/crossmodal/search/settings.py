"""Typed parameters of search: what indexes share, the latency protocol. Free of torch and FAISS."""

from math import log2, sqrt
from typing import Literal, Self

from pydantic import Field, model_validator

from crossmodal.parameters import Count, NotNegative, Parameters, Share

LEAST_PER_LIST, PER_LIST = 39, 64
"""Training vectors of each inverted list: FAISS warns under 39, and more than 64 changed nothing."""
LARGEST_SAMPLE = 2**20
"""Training vectors at most, unless 39 for each list are more: 2 GB at 512 dimensions."""
CODEBOOK_SAMPLE = 2**16
"""Training vectors of the codebooks: 256 for each of 256 entries, as many as FAISS looks at."""
ONE_LEVEL = 4096
"""Lists up to which one k-means over all of them takes minutes at most; beyond, two levels."""
UNUSED_WIDTH = 8
"""Columns added for one more number where no code asks for another width: vector instructions take eight."""


class Refinement(Parameters):
    """Exact scores of the best candidates, from vectors that lie on disk beside the index."""

    precision: Literal["float16", "int8"] = "float16"
    """How they are stored: two bytes a dimension, or one and a scale for each vector."""


class Correction(Parameters):
    """NNN (Chowdhury et al. 2024): an item loses what it is similar to any caption."""

    k: Count = 128
    """Most similar training captions whose mean similarity is taken."""
    weight: NotNegative = 0.75


class IndexParameters(Parameters):
    """What every kind of index understands; the parameters of a kind derive from it."""

    kind: str
    refinement: Refinement | None = None
    """Put the best candidates in their exact order; null trusts the index."""
    k_factor: float | None = Field(default=None, ge=1)
    """Candidates refined for each result asked for; null for the least that reaches the target."""
    nnn: Correction | None = None
    """Hold NNN's correction as one more dimension, so that the index searches by corrected scores."""
    caption_share: Share = 0.0
    """Share of training captions among the vectors that the index is trained on: queries lie off the images."""

    @property
    def augmented(self) -> bool:
        """Whether the index holds one more number of each vector, which queries have as 1."""
        return self.nnn is not None

    def extra(self, dimension: int) -> int:
        """Return how many columns are added to vectors of `dimension` to hold that number."""
        return UNUSED_WIDTH if self.augmented else 0

    def training_size(self, count: int) -> int:
        """Return how many of `count` vectors the index is trained on."""
        return min(count, CODEBOOK_SAMPLE)

    def least(self, count: int) -> int:
        """Return how many training vectors an index of `count` items needs at least."""
        return 1


class InvertedParameters(IndexParameters):
    """Inverted lists: a query looks into the lists whose centroids are nearest."""

    nlist: Count | None = None
    """Lists; null for the power of two nearest to 4 sqrt(n), or the largest that leaves 39 vectors a list."""
    coarse: Literal["flat", "hnsw"] = "flat"
    """How the nearest lists are found: by comparison with all centroids, or by a graph of them."""
    two_level: bool | None = None
    """Cluster the centroids in two levels: time grows with the square root of nlist. Null for more than 4096."""
    nprobe: Count | None = None
    """Lists that a query looks into; null for the least that reaches the target on validation queries."""

    def lists(self, count: int) -> int:
        """Return the number of lists of an index of `count` items."""
        if self.nlist:
            return self.nlist
        near = 2 ** round(log2(4 * sqrt(max(count, 1))))
        filled = 2 ** int(log2(max(count // LEAST_PER_LIST, 1)))
        return int(min(near, filled))

    def training_size(self, count: int) -> int:
        """Return 64 vectors a list and enough for the codebooks, at most 2^20 unless 39 a list are more."""
        lists = self.lists(count)
        wanted = max(CODEBOOK_SAMPLE, min(PER_LIST * lists, LARGEST_SAMPLE), LEAST_PER_LIST * lists)
        return min(count, wanted)

    def least(self, count: int) -> int:
        """Return how many training vectors an index of `count` items needs at least: one a list."""
        return self.lists(count)

    def in_two_levels(self, count: int) -> bool:
        """Return whether the centroids are clustered in two levels."""
        return self.lists(count) > ONE_LEVEL if self.two_level is None else self.two_level

    def inverted(self, count: int) -> str:
        """Return the part of FAISS's factory string that says which lists there are."""
        return f"IVF{self.lists(count)}{'_HNSW32' if self.coarse == 'hnsw' else ''}"


class ProductParameters(InvertedParameters):
    """Inverted lists of product-quantised vectors (Jégou et al. 2011)."""

    m: Count
    """Subquantisers; a vector takes m x bits / 8 bytes. It divides the dimension."""
    bits: int = Field(default=8, ge=4, le=12)
    """Bits of each subquantiser's code."""
    fast_scan: bool = False
    """Scan codes of four bits in registers (André et al. 2017): faster and coarser."""
    spread: NotNegative = 0.0
    """How much lists are preferred whose items lie far from their centroid (search/spread.py); 0 for not at all.
    A query that is near no image finds its best items far from their centroids."""

    @property
    def augmented(self) -> bool:
        """Whether centroids, or vectors, have one more number, which queries have as 1."""
        return self.nnn is not None or self.spread > 0

    @model_validator(mode="after")
    def _fast_scan_takes_four_bits(self) -> Self:
        if self.fast_scan and self.bits != 4:
            raise ValueError(f"fast_scan reads codes of 4 bits, not {self.bits}: say bits: 4")
        return self

    def extra(self, dimension: int) -> int:
        """Return the width of one subquantiser, so that the further number has a code of its own."""
        return dimension // self.m if self.augmented else 0

    def least(self, count: int) -> int:
        """Return how many training vectors an index needs: one a list and one for each entry of a codebook."""
        return max(self.lists(count), 2**self.bits)

    def codes(self) -> str:
        """Return the part of FAISS's factory string that says how vectors are quantised.

        `np` leaves out the reordering of the codebooks for polysemous codes (Douze et al. 2016), which takes most
        of the training time of a small index and which this search does not use; `fsr` quantises what is left
        of a vector after its centroid, as the plain kind does.
        """
        m = self.m + self.augmented
        return f"PQ{m}x4fsr" if self.fast_scan else f"PQ{m}x{self.bits}np"


class LatencyProtocol(Parameters):
    """How latency is measured: warm-up, then timed queries, one at a time and in batches."""

    warm_up: Count = 100
    """Queries before the clock starts, of each system and batch size."""
    measured: Count = 1000
    """Timed queries of each system and batch size; they are used again from the start when there are fewer."""
    batches: list[Count] = Field(default=[1, 16, 64], min_length=1)
    """Queries that are asked together; 1 is the latency of a query."""
    processes: Count = 1
    """Processes that measure one after another, so that what a process is stuck with shows in the interval."""
