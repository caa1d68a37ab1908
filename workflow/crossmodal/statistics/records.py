"""What the summary reads: small JSON records that other stages write, and the list of query results.

Keys that are not named here may stand in a file and are ignored. A JSON file holds one record or a list.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from crossmodal.errors import UserError

Samples = Annotated[list[float], Field(min_length=1)]


class Record(BaseModel):
    """Base of the records."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", populate_by_name=True, use_attribute_docstrings=True
    )

    @classmethod
    def read(cls, path: Path, **coordinates: Any) -> list[Self]:
        """Return the records of a JSON file; `coordinates` (cell, seed ...) go before what the file says."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            rows = content if isinstance(content, list) else [content]
            return [cls.model_validate({"source": str(path)} | row | coordinates) for row in rows]
        except OSError as error:
            raise UserError(f"{path}: {error.strerror or error}") from None
        except ValidationError as error:
            problem = error.errors()[0]
            key = ".".join(str(part) for part in problem["loc"])
            raise UserError(f"{path}: {cls.__name__} record, key {key!r}: {problem['msg']}") from None
        except (json.JSONDecodeError, TypeError):
            raise UserError(f"{path}: not a JSON file of {cls.__name__} records") from None


class QueryRecord(Record):
    """A queries.parquet and what it is the result of."""

    experiment: str
    """`peft` for sets as they are, `robustness` for shifted ones, `search` for the results of an index."""
    cell: str
    seed: int
    dataset: str
    split: str
    variant: str = "clean"
    """`clean`, the name of a shift, or in experiment `search` of an index (`ivf-pq+rerank`)."""
    path: Path


class ValidationRecall(Record):
    """recall@1 on the validation split, fractions; `robust_...` under the attack of the cell's adversary."""

    text_to_image: float | None = None
    image_to_text: float | None = None
    robust_text_to_image: float | None = None
    robust_image_to_text: float | None = None


class AdapterCard(Record):
    """What training one cell with one seed took."""

    cell: str
    seed: int
    trainable: int
    """Parameters that training changes."""
    total: int
    """Parameters of the model."""
    towers: dict[str, int] = {}
    """Trainable parameters by tower, for example {"image": 24576, "text": 12288}."""
    token_embeddings: int = 0
    """Size of the token embedding table, part of `total`."""
    seconds: float | None = None
    """Wall time of training."""
    epochs: int | None = None
    validation: ValidationRecall | None = None
    """Of the epoch whose weights are the result; null without validation data or training."""
    source: str = ""

    @property
    def share(self) -> float:
        """Trainable parameters as a share of all."""
        return self.trainable / self.total


class EncoderCost(Record):
    """What one encoder takes. Sample i of each encoder's times is one round."""

    cell: str
    form: Literal["merged", "unmerged"]
    """Whether the adapter is folded into the weights; a model without an adapter is `merged`."""
    modality: Literal["image", "text"]
    samples_ms: Samples
    """Milliseconds that one item takes, of each round."""
    batch_size: Annotated[int, Field(ge=1)] = 1
    """Items of a batch."""
    batch_samples_ms: list[float] = []
    """Milliseconds that one batch takes, of each round; empty where none was timed."""
    flops: int | None = None
    """Floating-point operations for one item, a multiplication and an addition counted as two."""
    weight_bytes: int | None = None
    """Size of all weights of the model, both towers."""
    activation_bytes: int | None = None
    """Most memory that is held at once while one item is encoded, beside weights and input."""
    source: str = ""


class RerankPart(Record):
    """The re-ranker's part of a search."""

    samples_ms: Samples
    """Milliseconds of re-ranking alone, one a query."""


class SearchRecord(Record):
    """Measurements of one way to search: an index, or an index with its re-ranker."""

    cell: str
    seed: int
    dataset: str
    split: str
    index: str
    """Name of the way, as in QueryRecord.variant: `ivf-pq`, `ivf-pq+rerank`."""
    items: int
    """Vectors in the index."""
    bytes: int
    """Size of the index on disk."""
    index_recall: list[float] | None = Field(default=None, alias="recall@10")
    """For each query the share of the exhaustive top 10 that the first stage returned in its top 10."""
    clusters: list[str] | None = None
    """Image ids that own the queries of `recall@10`; null if each query stands for itself."""
    samples_ms: Samples
    """Milliseconds of each measured query from vector to final list, one at a time, re-ranking included."""
    qps: float | None = None
    """Queries a second with whatever batching the protocol names."""
    rerank: RerankPart | None = None
    source: str = ""


class CellFacts(Record):
    """What a cell is, as far as numbers depend on it."""

    dataset: str
    """The dataset that it is adapted to."""
    method: str
    """Kind of its method, for example `lora`."""
    adversarial: bool = False
    """Whether it is trained against an adversary."""


class ShiftFacts(Record):
    """What a variant of a test set is."""

    kind: str
    severity: int | None = None
    """From 1 to 5; null for a shift that has none."""
    modality: Literal["images", "texts"] = "images"


class SanityCheck(Record):
    """One check that a robust number is not the work of masked gradients."""

    cell: str
    seed: int
    name: str
    """Short and stable, part of a number's id."""
    statement: str
    measured: dict[str, float] = {}
    """What it compared, by what it is of, such as "recall@1, one step" or "loss, one step"."""
    passed: bool
    source: str = ""


def distinct(records: Sequence[Any], attribute: str) -> list[Any]:
    """Return the values of one attribute in the order of their first appearance."""
    return list(dict.fromkeys(getattr(record, attribute) for record in records))
