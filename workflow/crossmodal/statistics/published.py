"""The published numbers of a study: a compact table that is committed, `published/<study>.parquet`.

Documents state these numbers, and what a machine measures is compared with them (`crossmodal compare`). They
are kept to nine significant digits, far more than any page shows. `published/SHA256SUMS` has the digest of each
table, so that a table is either as it was published or refused.
"""

import hashlib
import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from crossmodal.data.tables import read_table
from crossmodal.errors import UserError
from crossmodal.statistics.numbers import Number

FOLDER = Path("published")
SUMS = "SHA256SUMS"
"""The file beside the tables that `sha256sum --check` reads, in their folder."""
DIGITS = 9
SCHEMA = pa.schema(
    [
        ("number_id", pa.string()),
        *((name, pa.float64()) for name in ("value", "ci_low", "ci_high")),
        ("n_queries", pa.int32()),
        ("n_seeds", pa.int32()),
        ("unit", pa.dictionary(pa.int8(), pa.string())),
    ]
)
COUNTED = "n_seeds"
"""The column that a table may lack: then nothing is known of how many seeds its numbers rest on."""


def published_path(study: str) -> Path:
    """Return where the published numbers of a study are."""
    return FOLDER / f"{study}.parquet"


def as_published(number: Number) -> Number:
    """Return `number` as it would be read after it was published: rounded, without its sources."""
    value, low, high = map(_rounded, (number.value, number.ci_low, number.ci_high))
    return replace(number, value=value, ci_low=low, ci_high=high, source="")


def write_published(path: Path, numbers: Iterable[Number]) -> None:
    """Write `numbers` to `path` in their order, that of the study, which tables keep, and the file's digest."""
    rows = [{name: getattr(number, name) for name in SCHEMA.names} for number in map(as_published, numbers)]
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_suffix(".tmp")
    pq.write_table(
        pa.Table.from_pylist(rows, schema=SCHEMA), temporary, compression="zstd", compression_level=19,
        use_dictionary=["unit"], column_encoding={"number_id": "DELTA_BYTE_ARRAY"},
    )  # fmt: skip
    temporary.replace(path)
    sums = path.with_name(SUMS)
    found = _sums(sums) | {path.name: _digest(path)}
    partial = sums.with_suffix(".tmp")
    partial.write_text("".join(f"{found[name]}  {name}\n" for name in sorted(found)))
    partial.replace(sums)


def _sums(path: Path) -> dict[str, str]:
    """Return the digests that stand in a file of `sha256sum`, by the name of their file."""
    lines = path.read_text().splitlines() if path.exists() else []
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_published(study: str) -> dict[str, Number]:
    """Return the published numbers of a study by their id.

    UserError where none are published, and for a table that is not the one whose digest stands beside it.
    """
    path = published_path(study)
    if not path.exists():
        known = ", ".join(sorted(file.stem for file in FOLDER.glob("*.parquet"))) or "none"
        raise UserError(
            f"{path}: no such file; no numbers of study {study!r} are published (there are {known})"
        )
    sums = path.with_name(SUMS)
    if sums.exists() and _sums(sums).get(path.name) != _digest(path):
        raise UserError(f"{path}: not what was published, says {sums}; `git checkout {FOLDER}` restores both")
    try:
        rows = read_table(path, [name for name in SCHEMA.names if name != COUNTED]).to_pylist()
        if COUNTED in pq.read_schema(path).names:
            counts = read_table(path, [COUNTED])[COUNTED].to_pylist()
            rows = [row | {COUNTED: count} for row, count in zip(rows, counts, strict=True)]
    except UserError as error:
        # No run writes it: it is committed, and to publish anew takes a finished study.
        problem = str(error).removesuffix("; remove it and run again")
        raise UserError(f"{problem}; `git checkout {path}` restores it") from None
    return {row["number_id"]: _number(row, path) for row in rows}


def _number(row: dict[str, object], path: Path) -> Number:
    name = str(row.pop("number_id"))
    parts = name.split("/")
    if len(parts) != 8 or not parts[2].startswith("s"):
        raise UserError(f"{path}: {name!r} is no number id")
    experiment, cell, seed, dataset, split, variant, direction, metric = parts
    return Number(experiment, cell, seed[1:], dataset, split, variant, direction, metric, **row)  # type: ignore[arg-type]


def _rounded(value: float | None) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{DIGITS - 1}e}")
