"""What second stages may be told. Free of torch and FAISS."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from crossmodal.parameters import Count, NotNegative, Parameters, Positive, Share


class StageParameters(Parameters):
    """A second stage: it puts the first candidates of an index in another order."""

    candidates: Count = 100
    """Items of the first stage that are put in order."""


class TrainedParameters(StageParameters):
    """A small transformer over candidates that see each other, and its training."""

    layers: Count = 2
    width: Count = 256
    heads: Count = 4
    feedforward: Count = 256
    """Width of the hidden layer between two attentions."""
    dropout: Share = 0.1
    epochs: Count = 4
    """Passes over the training images, one random caption of each."""
    batch_size: Count = 64
    """Queries in one step."""
    learning_rate: Positive = 3e-4
    """Highest learning rate of AdamW; it rises for a tenth of the steps and falls to 0 along a cosine."""
    weight_decay: NotNegative = 0.01
    truncate: Count | None = 1
    """Places of the list that the loss looks at (ListMLE); null for all. Relevance is binary here, so beyond
    the relevant items there is no right order to be learnt."""
    early_stopping_patience: Count | None = 2
    """Epochs without a better validation result after which training ends; null for never."""
    standard_errors: NotNegative = 1.0
    """By how many standard errors of the paired difference an epoch's validation MRR must lie above that of exact
    re-scoring, to be taken instead of it."""

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} must be a multiple of heads {self.heads}")
        return self


class NetworkParameters(TrainedParameters):
    """Its inputs are what the vectors of a query and its candidates say."""

    pillars: Count = 16
    """Candidates of the best exact scores; every candidate is told how similar it is to each of them."""
    bank: Annotated[int, Field(ge=0)] = 512
    """Captions that tell how near an image comes to any of them, whatever is asked, as in NNN; 0 for no such
    feature."""
