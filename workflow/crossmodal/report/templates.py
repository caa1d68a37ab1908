"""The templates of the page and of its sections: one environment, with what all of them use."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2

from crossmodal.report.formatting import format_time

ASSETS = Path(__file__).parent / "assets"
"""Templates, style and script. They are read at run time: a job that draws depends on them."""


def environment(*folders: Path, audit_href: str = "") -> jinja2.Environment:
    """Return an environment that finds templates in `folders` and among the page's own, and escapes all values.

    `link` in a template gives the address of a number in the audit at `audit_href`, or nothing without one.
    """
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader([*folders, ASSETS]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["moment"] = format_time
    found.filters["grid"] = _grid
    found.globals["link"] = functools.partial(_link, audit_href)
    return found


def _grid(value: object) -> tuple[list[str], list[tuple[str, list[Any]]]] | None:
    """Return (columns, rows) of a value that is a table by nature, else None.

    Such are a list of flat mappings and a mapping of flat mappings; the names of rows are empty for lists.
    """
    if isinstance(value, Mapping):
        rows = [(str(name), row) for name, row in value.items()]
    elif isinstance(value, list):
        rows = [("", row) for row in value]
    else:
        return None
    flat = [
        isinstance(row, Mapping) and not any(isinstance(item, Mapping | list) for item in row.values())
        for _, row in rows
    ]
    if not rows or not all(flat):
        return None
    columns = list(dict.fromkeys(str(column) for _, row in rows for column in row))
    return columns, [(name, [row.get(column, "") for column in columns]) for name, row in rows]


def _link(audit_href: str, number_id: str) -> str:
    return f"{audit_href}#{quote(number_id, safe='/@*')}" if audit_href else ""
