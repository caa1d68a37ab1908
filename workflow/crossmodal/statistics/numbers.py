"""The table of all numbers, metrics.parquet: one row a number, found by its id."""

import math
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from crossmodal.data.tables import read_table
from crossmodal.errors import UserError

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("number_id", "experiment", "cell", "seed", "dataset", "split")),
        *((name, pa.string()) for name in ("variant", "direction", "metric")),
        *((name, pa.float64()) for name in ("value", "ci_low", "ci_high")),
        ("n_queries", pa.int64()),
        ("n_seeds", pa.int64()),
        ("unit", pa.string()),
        ("source", pa.string()),
    ]
)

DIRECTIONS = ("text_to_image", "image_to_text", "mean", "-")
ALL_SEEDS = "*"
_PART = re.compile(r"[A-Za-z0-9_.@+-]+")
_SEED = re.compile(r"\*|[0-9]+")


@dataclass(frozen=True, slots=True)
class Number:
    """One number of a study; `-` stands for a coordinate that it does not have."""

    experiment: str
    cell: str
    seed: str
    """Training seed, "*" for an aggregate over seeds."""
    dataset: str
    split: str
    variant: str
    """`clean`, the name of a shift, or in experiment `search` the name of an index."""
    direction: str
    metric: str
    value: float | None
    """None where it is undefined, for example the deviation over a single seed."""
    ci_low: float | None = None
    ci_high: float | None = None
    n_queries: int | None = None
    unit: str = "fraction"
    source: str = ""
    """Paths of the files that it was computed from, separated by semicolons."""
    n_seeds: int | None = None
    """Training seeds that it rests on, of the cell with the fewest; None where that does not apply (counts,
    times). Its interval covers training where there are several."""

    @property
    def number_id(self) -> str:
        """The stable, readable id, for example `peft/full/s0/openmoji/test/clean/text_to_image/recall@1`."""
        return number_id(
            self.experiment, self.cell, self.seed, self.dataset, self.split, self.variant, self.direction,
            self.metric,
        )  # fmt: skip


def number_id(
    experiment: str, cell: str, seed: str, dataset: str, split: str, variant: str, direction: str, metric: str
) -> str:
    """Return experiment/cell/s<seed>/dataset/split/variant/direction/metric."""
    return f"{experiment}/{cell}/s{seed}/{dataset}/{split}/{variant}/{direction}/{metric}"


def validate(numbers: Iterable[Number]) -> None:
    """Raise UserError unless ids are unique and well formed and every interval is ordered and finite."""
    seen = set()
    for number in numbers:
        name = number.number_id
        if name in seen:
            raise UserError(f"number {name} stands twice; ids must be unique")
        seen.add(name)
        parts = (
            number.experiment, number.cell, number.dataset, number.split, number.variant, number.metric,
        )  # fmt: skip
        if not (all(_PART.fullmatch(part) for part in parts) and _SEED.fullmatch(number.seed)):
            raise UserError(f"number {name}: not a valid id; use letters, digits and _ . @ + - in each part")
        if number.direction not in DIRECTIONS:
            raise UserError(f"number {name}: unknown direction; known are {', '.join(DIRECTIONS)}")
        values = (number.value, number.ci_low, number.ci_high)
        if any(value is not None and not math.isfinite(value) for value in values):
            raise UserError(f"number {name}: {values} is not finite; an undefined value is null")
        if (number.ci_low is None) != (number.ci_high is None):
            raise UserError(f"number {name}: an interval has two ends, found {values[1:]}")
        if number.ci_low is not None and number.ci_high is not None and number.ci_low > number.ci_high:
            raise UserError(f"number {name}: the interval {values[1:]} is upside down")


def write_numbers(path: Path, numbers: Iterable[Number], metadata: dict[str, str] | None = None) -> None:
    """Validate `numbers` and write them to a Parquet file at `path`, in the order given."""
    rows = list(numbers)
    validate(rows)
    records = [{"number_id": number.number_id, **asdict(number)} for number in rows]
    schema = SCHEMA.with_metadata(metadata or {})
    pq.write_table(pa.Table.from_pylist(records, schema=schema), path, compression="zstd")


def read_numbers(path: Path) -> list[Number]:
    """Return the numbers stored at `path`, in file order; UserError if it is unreadable or an id is wrong."""
    rows = read_table(path, SCHEMA.names).to_pylist()
    numbers = []
    for row in rows:
        stored = row.pop("number_id")
        number = Number(**row)
        if number.number_id != stored:
            raise UserError(f"{path}: id {stored} does not fit its row, which is {number.number_id}")
        numbers.append(number)
    try:
        validate(numbers)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    return numbers


def select(numbers: Iterable[Number], glob: str) -> list[Number]:
    """Return the numbers whose id matches the shell pattern `glob`; `*` crosses slashes."""
    return [number for number in numbers if fnmatchcase(number.number_id, glob)]
