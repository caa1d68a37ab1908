"""What the jobs of this experiment write, as far as numbers are made of it."""

from pydantic import Field

from crossmodal.statistics.records import Record, Samples


class Cost(Record):
    """What a step of building took."""

    step: str
    """`train`, `fill`, `merge`, or `build` for all at once."""
    seconds: float
    peak_bytes: int
    source: str = ""


class Card(Record):
    """What an index is (search/card.py)."""

    items: int
    dimension: int
    factory: str
    bytes: dict[str, int]
    source: str = ""


class Points(Record):
    """The operating point of an index and how it was chosen."""

    chosen: dict[str, float | int | None]
    reached: bool
    recall: float
    target: float
    source: str = ""


class Timing(Record):
    """Times of one way to search with one size of batch, in one process."""

    system: str
    """Its name; of the second measurement of the same with `+again` behind it."""
    batch: int
    samples_ms: Samples
    """Milliseconds of each call, of `batch` queries each."""
    parts_ms: dict[str, Samples] = {}
    """The same of its parts: `search`, `refine`, `rerank`."""


class Times(Record):
    """What one process measured at one size."""

    size: int
    process: int
    timings: list[Timing] = Field(min_length=1)
    peak_bytes: int
    """The most memory that the process had, mapped files as far as they were read included."""
    source: str = ""


class Comparison(Record):
    """Drawn vectors beside real ones (fit_density.py)."""

    least: float
    vectors: int
    real: dict[str, float] = {}
    drawn: dict[str, float] = {}
    drawn_from: dict[str, float] = {}
    other: dict[str, float] = {}
    source: str = ""
