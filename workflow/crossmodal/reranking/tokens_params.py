"""Parameters of the stage `tokens`."""

from typing import Literal, Self

from pydantic import model_validator

from crossmodal.parameters import Count, NotNegative, Positive, Share
from crossmodal.reranking.settings import StageParameters


class Params(StageParameters):
    """The words of a query attend to a few compressed tokens of each candidate."""

    kind: Literal["tokens"]
    width: Count = 64
    layers: Count = 1
    """Layers of a transformer in which candidates see each other."""
    heads: Count = 4
    feedforward: Count = 128
    """Width of the hidden layer between two attentions."""
    dropout: Share = 0.1
    control: Literal["none", "shuffled", "blind"] = "none"
    """What the gain is compared with. shuffled: a candidate gets the tokens of another of its list, and a query
    the words of another query, so that all is as before but what tokens say; blind: the words are left out."""
    epochs: Count = 8
    """Passes over the training images, one random caption of each."""
    batch_size: Count = 32
    """Queries in one step."""
    learning_rate: Positive = 5e-4
    """Highest learning rate of AdamW; it rises for a tenth of the steps and falls to 0 along a cosine."""
    weight_decay: NotNegative = 0.01
    truncate: Count | None = 1
    """Places of the list that the loss looks at (ListMLE); null for all."""
    early_stopping_patience: Count | None = 3
    """Epochs without a better validation result after which training ends; null for never."""
    standard_errors: NotNegative = 1.0
    """By how many standard errors of the paired difference an epoch's validation MRR must lie above that of exact
    re-scoring, to be taken instead of it."""

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} must be a multiple of heads {self.heads}")
        return self
