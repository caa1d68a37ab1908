"""What learning a session writes about itself."""

from crossmodal.statistics.records import Record


class SessionCard(Record):
    """What learning one session took."""

    cell: str
    plan: str
    order: int
    session: int
    classes: int
    images: int
    """That it learnt from."""
    trained: int
    """Single parameters that trained: of masked ones those within the mask."""
    changed: int
    """Single parameters that are another number after it."""
    flops: float
    """Operations of a training step for one image, forward and backward, a multiplication and an addition as
    two."""
    choosing: float
    """Seconds of choosing what trains, a pass over the data for gradients among them."""
    seconds: float
    """Seconds of training."""
    source: str = ""
