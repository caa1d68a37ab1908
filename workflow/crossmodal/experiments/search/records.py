"""What measuring a way to search writes."""

from pydantic import Field

from crossmodal.statistics.records import Record, Samples


class RerankPart(Record):
    """The re-ranker's part of a search."""

    samples_ms: Samples
    """Milliseconds of re-ranking alone, one a query."""


class SearchRecord(Record):
    """Measurements of one way to search: an index, or an index with its re-ranker."""

    cell: str
    seed: int
    dataset: str
    split: str
    index: str
    """Name of the way, as in QueryRecord.variant: `ivf-pq`, `ivf-pq+rerank`."""
    items: int
    """Vectors in the index."""
    bytes: int
    """Size of the index on disk."""
    index_recall: list[float] | None = Field(default=None, alias="recall@10")
    """For each query the share of the exhaustive top 10 that the first stage returned in its top 10."""
    clusters: list[str] | None = None
    """Image ids that own the queries of `recall@10`; null if each query stands for itself."""
    samples_ms: Samples
    """Milliseconds of each measured query from vector to final list, one at a time, re-ranking included."""
    qps: float | None = None
    """Queries a second with whatever batching the protocol names."""
    rerank: RerankPart | None = None
    source: str = ""
