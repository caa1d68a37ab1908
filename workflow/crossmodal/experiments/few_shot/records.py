"""What the jobs of few-shot classification write beside answers: a record for each fit, and for each timing."""

from crossmodal.statistics.records import Record, Samples


class Fit(Record):
    """One method, fitted to so many shots of a set."""

    method: str
    model: str
    dataset: str
    draw: int
    shots: int
    parameters: int
    """Trained."""
    stored: int
    """Numbers that are kept to answer with beside the model: caches, and what was trained."""
    chosen: dict[str, float]
    """What validation chose, by name."""
    validation_accuracy: float
    source: str = ""


class Shots(Record):
    """Which images one draw of a set takes."""

    classes: int
    images: dict[int, list[str]]
    """Their ids by the number of shots."""
    source: str = ""


class Time(Record):
    """What fitting a method took, and what answering takes, alone on the machine."""

    method: str
    process: int
    seconds: float
    """Of the fit, over features that are there."""
    samples_ms: Samples
    """One image's features to its scores, in each round."""
    flops: int
    """Of one image's features to its scores, a multiplication and an addition counted as two."""
    parameters: int
    """Trained."""
    stored_bytes: int
    """Of what is kept to answer with beside the model: caches, and what was trained."""
    source: str = ""
