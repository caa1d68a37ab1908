"""Typed parameters of search that no single index owns. Free of torch and FAISS."""

from typing import Self

from pydantic import model_validator

from crossmodal.parameters import Count, NotNegative, Parameters, Positive, Share


class LatencyProtocol(Parameters):
    """How the latency of single queries is measured: warm-up, then measured queries, one at a time."""

    warm_up: Count = 100
    """Queries before the clock starts."""
    measured: Count = 1000
    """Timed queries; the captions are used again from the start when there are fewer."""


class RerankerParameters(Parameters):
    """The cross-attention re-ranker and its training."""

    candidates: Count = 100
    """Items of the first stage that are put in order."""
    layers: Count = 2
    width: Count = 256
    heads: Count = 4
    dropout: Share = 0.1
    final_projection_only: bool = False
    """Train the last projection alone and leave the transformer at its random start."""
    epochs: Count = 6
    """Passes over the training images, one random caption of each."""
    batch_size: Count = 64
    """Queries in one step."""
    learning_rate: Positive = 5e-4
    """Highest learning rate of AdamW; it falls to 0 along a cosine."""
    weight_decay: NotNegative = 0.01
    truncate: Count | None = 1
    """Places of the list that the loss looks at (ListMLE); null for all. Relevance is binary here, so beyond
    the relevant items there is no right order to be learnt."""
    early_stopping_patience: Count | None = 3
    """Epochs without a better validation result after which training ends; null for never."""

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} must be a multiple of heads {self.heads}")
        return self
