"""The card of an adapted model: what training it took. Its numbers are made from it."""

from crossmodal.statistics.records import Record


class ValidationRecall(Record):
    """Fractions on the validation split: recall@1, MRR; `robust_...` under the attack of the cell's adversary."""

    text_to_image: float | None = None
    image_to_text: float | None = None
    robust_text_to_image: float | None = None
    robust_image_to_text: float | None = None
    mrr: float | None = None
    """Mean reciprocal rank, clean, mean of both directions."""


class Overfitting(Record):
    """What an adversary of one step did to recall@1 on validation data, fractions, means of both directions."""

    found: bool
    """Whether training ended because an epoch was catastrophically overfitted."""
    epoch: int
    """That epoch, else the last one: the one that the recalls are of."""
    several_steps: float
    one_step: float


class AdapterCard(Record):
    """What training one cell with one seed took."""

    cell: str
    seed: int
    trainable: int
    """Parameters that can get a gradient: of the tables of tokens and positions the rows that a training caption
    looks up."""
    trainable_nominal: int | None = None
    """Parameters that are let train, all rows of these tables among them; null where that is as many."""
    total: int
    """Parameters of the model."""
    towers: dict[str, int] = {}
    """`trainable` by tower, for example {"image": 24576, "text": 12288}."""
    token_embeddings: int = 0
    """Size of the token embedding table, part of `total`."""
    seconds: float | None = None
    """Wall time of training."""
    epochs: int | None = None
    validation: ValidationRecall | None = None
    """Of the epoch whose weights are the result, 0 included; null without validation data or training."""
    overfitting: Overfitting | None = None
    """Null unless the adversary takes one step and its validation several."""
    source: str = ""

    @property
    def nominal(self) -> int:
        """Parameters that are let train."""
        return self.trainable if self.trainable_nominal is None else self.trainable_nominal

    @property
    def share(self) -> float:
        """Trainable parameters as a share of all."""
        return self.trainable / self.total
