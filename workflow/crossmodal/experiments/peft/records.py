"""What measuring encoders writes: one record for each encoder of each form of a cell."""

from typing import Annotated, Literal

from pydantic import Field

from crossmodal.statistics.records import Record, Samples


class EncoderCost(Record):
    """What one encoder takes. Sample i of each encoder's times is one round."""

    cell: str
    form: Literal["merged", "unmerged"]
    """Whether the adapter is folded into the weights; a model without an adapter is `merged`."""
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
