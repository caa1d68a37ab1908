"""What the summary reads: small JSON records that other stages write, and the list of query results.

Keys that are not named here may stand in a file and are ignored. A JSON file holds one record or a list.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

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
            reason = f"not a JSON file of {cls.__name__} records"
            raise UserError(f"{path}: {reason}; remove it and run again") from None


class QueryRecord(Record):
    """A queries.parquet and what it is the result of."""

    experiment: str
    """`peft` for sets as they are, `robustness` for shifted ones, `search` for the results of an index,
    `probes` for sets as they are under the vectors of no model."""
    cell: str
    seed: int
    dataset: str
    split: str
    variant: str = "clean"
    """`clean`, the name of a shift, or in experiment `search` of an index (`ivf-pq+rerank`)."""
    path: Path


class CellFacts(Record):
    """What a cell is, as far as numbers depend on it."""

    dataset: str
    """The dataset that it is adapted to."""
    model: str = ""
    """The base model that it adapts."""
    method: str
    """Kind of its method, for example `lora`."""
    adversarial: bool = False
    """Whether it is trained against an adversary."""


def distinct(records: Sequence[Any], attribute: str) -> list[Any]:
    """Return the values of one attribute in the order of their first appearance."""
    return list(dict.fromkeys(getattr(record, attribute) for record in records))


def cell_facts(values: Mapping[str, Any]) -> dict[str, CellFacts]:
    """Return what each cell is, from the parameters of a job that makes numbers."""
    return {name: CellFacts.model_validate(facts) for name, facts in values.items()}
