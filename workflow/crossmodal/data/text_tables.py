"""Tables in text files: delimited, an object of JSON a line, or one list of objects."""

import csv
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from crossmodal.data.built import Reject
from crossmodal.errors import UserError

Row = dict[str, Any] | Reject


class Form(NamedTuple):
    """How a delimited file is written."""

    delimiter: str = ","
    quote: str | None = '"'


def form_of(path: Path) -> Form:
    """Return the usual form of a file of this name: tabs for .tsv, where quotes mean nothing."""
    return Form("\t", None) if path.suffix.lower() == ".tsv" else Form()


def records(path: Path, form: Form) -> Iterator[Row]:
    """Yield the rows of the table `path` as column -> value, a broken one as a reject.

    Values of a delimited file are text without the spaces around it. Raises UserError where the file cannot be
    read, is not UTF-8 or no table.
    """
    try:
        if path.suffix.lower() in (".jsonl", ".ndjson"):
            yield from _json_lines(path)
        elif path.suffix.lower() == ".json":
            yield from _json_list(path)
        else:
            yield from _delimited(path, form)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 ({error.reason}); convert it") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None


def columns_of(path: Path, form: Form) -> list[str]:
    """Return the names of the columns, of JSON those that the first hundred rows have; UserError for no row."""
    found: dict[str, None] = {}
    for row in islice(records(path, form), 100):
        found |= dict.fromkeys(row if isinstance(row, dict) else ())
    if not found:
        raise UserError(
            f"{path}: no row in it; it must be a table with the names of its columns in the first line"
        )
    return list(found)


def _delimited(path: Path, form: Form) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        # Not strict, a quote that is never closed would make one caption of the rest of the table.
        reader = csv.reader(
            stream, delimiter=form.delimiter, quotechar=form.quote, strict=True, skipinitialspace=True,
            quoting=csv.QUOTE_NONE if form.quote is None else csv.QUOTE_MINIMAL,
        )  # fmt: skip
        try:
            head = [name.strip() for name in next(reader, [])]
            for values in reader:
                if not values:
                    continue
                if len(values) != len(head):
                    place = f"line {reader.line_num}"
                    name = values[0].strip() or place
                    yield Reject(
                        f"{path.name}, {place}",
                        name,
                        f"{len(values)} columns where the first line has {len(head)}",
                    )
                else:
                    yield dict(zip(head, map(str.strip, values), strict=True))
        except csv.Error as error:
            raise UserError(
                f"{path}, line {reader.line_num}: {error}; is its quote {form.quote!r}?"
            ) from None


def _json_lines(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig") as stream:
        for number, line in enumerate(stream, 1):
            if line.strip():
                try:
                    value = json.loads(line)
                except (ValueError, RecursionError):
                    value = None
                yield _object(value, f"{path.name}, line {number}")


def _json_list(path: Path) -> Iterator[Row]:
    try:
        values = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not JSON ({error})") from None
    if not isinstance(values, list):
        raise UserError(f"{path}: must be one list of objects")
    for number, value in enumerate(values):
        yield _object(value, f"{path.name}, entry {number}")


def _object(value: Any, place: str) -> Row:
    return value if isinstance(value, dict) else Reject(place, place, "not an object of JSON")
