"""Parameters of the stage `tokens`."""

from typing import Literal

from crossmodal.parameters import Count, Positive
from crossmodal.reranking.settings import TrainedParameters


class Params(TrainedParameters):
    """The words of a query attend to a few compressed tokens of each candidate, which then see each other."""

    kind: Literal["tokens"]
    width: Count = 64
    layers: Count = 1
    feedforward: Count = 128
    control: Literal["none", "shuffled", "blind"] = "none"
    """What the gain is compared with. shuffled: a candidate gets the tokens of another of its list, and a query
    the words of another query, so that all is as before but what tokens say; blind: the words are left out."""
    epochs: Count = 8
    batch_size: Count = 32
    learning_rate: Positive = 5e-4
    early_stopping_patience: Count | None = 3
