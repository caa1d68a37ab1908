"""What answering and timing searches writes beside the results of queries."""

from typing import Any

from crossmodal.statistics.records import Record, Samples


class PointFacts(Record):
    """An operating point as an index's folder has it."""

    point: dict[str, float | int | None]
    """`nprobe`, `ef_search`, `k_factor`."""
    reached: bool
    recall: float
    """Share of the exhaustive top ten on the validation queries that it was chosen with."""
    target: float


class IndexFacts(Record):
    """One index of one gallery in one run."""

    gallery: str
    index: str
    items: int
    bytes: dict[str, int]
    """By part, and of the whole file as `file`."""
    points: dict[str, PointFacts] = {}
    """By the side that asks: `text`, `image`."""


class StageFacts(Record):
    """What validation lists told one second stage in one gallery."""

    gallery: str
    stage: str
    params: dict[str, Any] = {}
    epoch: int | None = None
    """The epoch that was kept, of a trained stage; 0 is exact re-scoring."""
    validation: dict[str, float] = {}
    """Of a trained stage `mrr` and `recall@10` of that epoch on validation lists."""
    exact: dict[str, float] = {}
    """The same of exact re-scoring."""


class Probe(Record):
    """What a probe that never sees the query says of the candidates, one entry an image."""

    gallery: str = ""
    index: str = ""
    name: str
    scores: Samples
    """How much the image looks like an answer to some query, out of fold."""
    answers: list[int]
    """How often it counts as one."""
    others: list[int]
    """How often it counts as something else."""


class RunRecord(Record):
    """One run of the answers of a cell."""

    cell: str
    seed: int
    """The training seed of the cell."""
    run: int
    galleries: dict[str, int]
    """Items by gallery."""
    indexes: list[IndexFacts] = []
    stages: list[StageFacts] = []
    probes: list[Probe] = []
    source: str = ""


class Timing(Record):
    """One system at one batch size."""

    samples_ms: Samples
    """Milliseconds of each call, which answers a batch."""
    parts_ms: dict[str, Samples] = {}
    """Milliseconds of its parts: `search`, `refine`, `rerank`."""


class TimesRecord(Record):
    """What one process measured."""

    cell: str
    seed: int
    process: int
    gallery: str
    items: int
    peak_bytes: int
    """Most memory that the process held."""
    systems: dict[str, dict[int, Timing]]
    """By way to search, or `encode`, and by batch size; a second measurement is called `<way> again`."""
    source: str = ""
