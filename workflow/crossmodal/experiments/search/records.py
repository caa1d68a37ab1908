"""What measuring a way to search writes."""

from pydantic import Field

from crossmodal.statistics.records import Record, Samples


class StagePart(Record):
    """The second stage's part of a search."""

    samples_ms: Samples
    """Milliseconds of re-ranking or re-scoring alone, one a query."""


class Probe(Record):
    """What a probe that never sees the query says of the candidates, one entry an image."""

    scores: Samples
    """How much the image looks like an answer to some query, out of fold."""
    positive: list[bool]
    """Whether it is one."""


class SearchRecord(Record):
    """Measurements of one way to search: an index, or an index with a second stage."""

    cell: str
    seed: int
    dataset: str
    split: str
    index: str
    """Name of the way, as in QueryRecord.variant: `ivf-pq`, `ivf-pq+exact`, `ivf-pq+rerank`."""
    items: int
    """Vectors in the index."""
    bytes: int
    """Size of the index on disk."""
    index_recall: list[float] | None = Field(default=None, alias="recall@10")
    """For each query the share of the exhaustive top 10 that the first stage returned in its top 10."""
    clusters: list[str] | None = None
    """Image ids that own the queries of `recall@10`; null if each query stands for itself."""
    samples_ms: Samples
    """Milliseconds of each measured query from vector to final list, one at a time, the second stage included."""
    again_ms: Samples | None = None
    """The same queries measured a second time, interleaved with the first: the A/A comparison of times."""
    qps: float | None = None
    """Queries a second with whatever batching the protocol names."""
    stage: StagePart | None = None
    probes: dict[str, Probe] = {}
    """The query-blind probe of an index's candidates, by what the answers are compared with (blindness.py)."""
    source: str = ""
