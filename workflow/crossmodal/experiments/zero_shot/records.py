"""What embedding the domains counts, and what making a student took."""

from crossmodal.statistics.records import Record


class Footprint(Record):
    """What a cell's encoders are and take, of one image and one caption."""

    cell: str
    seed: int
    flops_image: int
    """Floating-point operations, a multiplication and an addition counted as two."""
    flops_text: int
    parameters: int
    parameters_without_tokens: int
    """All but the table of tokens."""
    source: str = ""


class StudentCard(Record):
    """What distilling a model took."""

    model: str
    teacher: str
    """The model that it was made from."""
    cell: str | None = None
    """The cell whose adapter was its teacher's, if one was."""
    cell_seed: int | None = None
    trainable: int
    """Parameters that can get a gradient."""
    seconds: float
    """Wall time of training."""
    validation_mrr: float | None = None
    """Of the epoch that is the student, by which its settings can be chosen; null without validation data."""
    source: str = ""
