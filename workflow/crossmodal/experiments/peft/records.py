"""What measuring encoders writes, in each process: one record for each encoder of each form of a cell."""

from typing import Annotated, Literal

from pydantic import Field

from crossmodal.statistics.records import Record, Samples


class EncoderCost(Record):
    """What one encoder takes. Sample i of each encoder's times in a process is one round."""

    cell: str
    form: Literal["merged", "unmerged", "again"]
    """Whether the adapter is folded into the weights; a model without an adapter is `merged`. `again` is the
    merged reference loaded a second time: how far times of one and the same network lie apart."""
    process: int = 0
    """Which of the processes that time the same encoders."""
    modality: Literal["image", "text"]
    samples_ms: Samples
    """Milliseconds that one item takes, of each round."""
    batch_size: Annotated[int, Field(ge=1)] = 1
    """Items of a batch."""
    batch_samples_ms: list[float] = []
    """Milliseconds that one batch takes, of each round; empty where none was timed."""
    flops: int | None = None
    """Floating-point operations for one item, a multiplication and an addition counted as two."""
    weight_bytes: int | None = None
    """Size of all weights of the model, both towers."""
    activation_bytes: int | None = None
    """Most memory that is held at once while one item is encoded, beside weights and input."""
    source: str = ""
