"""Parameters of ProLIP."""

from typing import Literal

from crossmodal.classifiers.settings import Epochs, TrainingParameters
from crossmodal.parameters import Count, NotNegative, Positive


class Params(TrainingParameters):
    """ProLIP: the image tower's last projection is trained, held to its start; no validation image is read."""

    kind: Literal["prolip"]
    """The projection alone (arXiv 2410.05270)."""
    regularisation: NotNegative | None = None
    """λ, by which the squared distance to the start is multiplied; null for 1 / shots, the paper's without
    validation."""
    epochs: Epochs = 100
    """Passes over the training images; the paper's are 300, at three times the cost. 0 is zero-shot."""
    batch_size: Count | None = None
    """Images in one step; null for all of them, as in the paper."""
    learning_rate: Positive = 1e-4
    """Of the first step; without validation the paper reports the mean over 1e-5 to 1e-2."""
