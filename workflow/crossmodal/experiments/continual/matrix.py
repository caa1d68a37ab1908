"""Accuracy after each session on the classes of each session, and what is said of learning by it.

a[i, j] is the accuracy on the test images of session j's classes after i sessions, among all classes: the
question is the same after each session, so that what changes is the model. a[0, j] is the base model's.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from crossmodal.statistics.estimates import Estimate, difference, highest, mean

Matrix = Mapping[tuple[int, int], Estimate]
"""Accuracies by (sessions learnt, session asked about), asked about from 1."""


def average_accuracy(matrix: Matrix, sessions: int) -> Estimate:
    """Return the mean over sessions of the accuracy after the last one (Lopez-Paz and Ranzato 2017)."""
    return mean([matrix[sessions, asked] for asked in range(1, sessions + 1)])


def average_before(matrix: Matrix, sessions: int) -> Estimate:
    """Return the mean over sessions of the base model's accuracy."""
    return mean([matrix[0, asked] for asked in range(1, sessions + 1)])


def forgetting(matrix: Matrix, sessions: int) -> Estimate:
    """Return how far accuracy on a session's classes ends below its best since they were learnt, the mean
    over them.

    Of all sessions but the last (Chaudhry et al. 2018); of one session it is 0.
    """
    lost = [
        difference(
            highest([matrix[after, asked] for after in range(asked, sessions)]), matrix[sessions, asked]
        )
        for asked in range(1, sessions)
    ]
    return mean(lost) if lost else nothing(matrix, sessions)


def backward_transfer(matrix: Matrix, sessions: int) -> Estimate:
    """Return what learning later sessions adds to the accuracy on a session's classes, the mean over all but
    the last.

    Negative where it is forgotten (Lopez-Paz and Ranzato 2017); of one session it is 0.
    """
    gained = [difference(matrix[sessions, asked], matrix[asked, asked]) for asked in range(1, sessions)]
    return mean(gained) if gained else nothing(matrix, sessions)


def forward_transfer(matrix: Matrix, sessions: int) -> Estimate:
    """Return what sessions before add to the accuracy on classes that are not learnt yet, the mean over all
    but one.

    Over the base model's (Lopez-Paz and Ranzato 2017); of one session it is 0.
    """
    gained = [difference(matrix[asked - 1, asked], matrix[0, asked]) for asked in range(2, sessions + 1)]
    return mean(gained) if gained else nothing(matrix, sessions)


def nothing(matrix: Matrix, sessions: int) -> Estimate:
    """Return 0, with samples that do not vary."""
    last = matrix[sessions, sessions]
    return replace(difference(last, last), clusters=0)


MEASURES: dict[str, Callable[[Matrix, int], Estimate]] = {
    "average_accuracy": average_accuracy,
    "average_accuracy_before": average_before,
    "forgetting": forgetting,
    "backward_transfer": backward_transfer,
    "forward_transfer": forward_transfer,
}
"""What is said of a cell that learns session after session, by the name of its metric."""
ENDS = ("average_accuracy", "average_accuracy_before")
"""Those that follow from what is answered before the first session and after the last."""
