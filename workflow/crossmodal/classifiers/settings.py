"""Typed parameters that few-shot classifiers share. Free of torch."""

from typing import Annotated, Literal

from pydantic import Field

from crossmodal.parameters import Count, NotNegative, Parameters, Positive

Epochs = Annotated[int, Field(ge=0)]
"""Passes over the training images; 0 leaves a classifier at its start."""


class ChoosingParameters(Parameters):
    """A classifier some of whose numbers are chosen by accuracy, ties by cross-entropy, then the earlier."""

    chosen_on: Literal["validation", "test"] = "validation"
    """Where choices are made. On test, as much public code does, accuracy is no longer that of unseen images: for
    measuring how much that adds."""


class TrainingParameters(Parameters):
    """A classifier that is trained with Adam, whose rate falls to 0 along half a cosine."""

    epochs: Epochs = 20
    """Passes over the training images, one random view of each; 0 leaves the classifier at its start."""
    batch_size: Count | None = 256
    """Images in one step; null for all of them."""
    learning_rate: Positive = 1e-3
    """Of the first step."""


class CacheParameters(ChoosingParameters):
    """A classifier with a cache of the training images."""

    size: Count | None = None
    """Keys kept of a class; null for one an image. With fewer than images, a class's images in their order form
    as many groups of like size, and a key is the mean of its group, of unit length."""
    alphas: list[NotNegative] = Field(
        default=[
            0,
            0.05,
            0.1,
            0.2,
            0.35,
            0.5,
            0.75,
            1,
            1.5,
            2,
            3,
            5,
            7,
            10,
            15,
            20,
            30,
            50,
            75,
            100,
            200,
            500,
            1000,
            2000,
            5000,
        ],
        min_length=1,
    )
    """What may be chosen as the weight of the cache, ascending, in the paper's unit, where cosines are
    multiplied by 100: with another scale s it is multiplied by s / 100. 0 is zero-shot. One number is not
    chosen but given."""
    betas: list[NotNegative] = Field(
        default=[0.25, 0.5, 1, 1.5, 2, 3, 4, 5.5, 7, 10, 14, 20, 30, 50], min_length=1
    )
    """What may be chosen as the sharpness: an image at cosine c has the vote exp(−beta (1 − c))."""


class TrainedAt(Parameters):
    """Where a cache is trained, whatever is chosen to answer at."""

    alpha: Positive
    """Weight of the cache."""
    beta: Positive
    """Sharpness."""


class TrainedCacheParameters(TrainingParameters, CacheParameters):
    """A cache whose keys are trained at some alpha and beta; what it answers at is chosen afterwards.

    The epoch is chosen at these, with the untrained cache among the candidates.
    """

    epochs: Epochs = 50
    """Passes over the training images, one random view of each; 0 leaves the cache at its start."""
    trained_at: TrainedAt | None = None
    """Null for the best alpha above 0 and beta of the untrained cache."""
    weight_decay: NotNegative = 0.01
    """Of AdamW."""
