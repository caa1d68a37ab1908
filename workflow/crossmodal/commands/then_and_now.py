"""What the study said once, beside what takes its place: the rows of docs/then-and-now.yaml with their numbers."""

from pathlib import Path
from typing import Any

from crossmodal.errors import UserError
from crossmodal.report.lookup import Numbers
from crossmodal.report.markdown import NOTHING, as_markdown
from crossmodal.report.tables import figure
from crossmodal.study.configuration import read_yaml

ROWS = Path("docs/then-and-now.yaml")
"""By study a list of rows: `what` was measured, what it was `then`, the ids of numbers `now`, what is `new`."""


def then_and_now(study: str, numbers: Numbers) -> tuple[str, list[str]]:
    """Return the rows of a study as a Markdown table, and the ids of the numbers in it.

    UserError where a row lacks a key or names a number that is not published.
    """
    rows: list[list[str]] = []
    ids: list[str] = []
    for row in read_yaml(ROWS).get(study, []) if ROWS.exists() else []:
        if missing := {"what", "then", "now"} - row.keys():
            raise UserError(f"{ROWS}: {study}: a row has no {min(missing)!r}; it has {', '.join(row)}")
        own = [row["now"]] if isinstance(row["now"], str) else row["now"]
        ids += own
        now = "; ".join(_stated(numbers, study, name) for name in own) or "–"
        rows.append([row["what"], str(row["then"]), now, row.get("new", "")])
    if not rows:
        return NOTHING, ids
    return as_markdown(["measured", "then", "now", "what is new"], rows, left=4), ids


def _stated(numbers: Numbers, study: str, name: str) -> str:
    """Return a number with its interval as it stands in a table."""
    found: Any = figure(numbers, numbers.get(name), unit=True)
    if found is None:
        raise UserError(f"{ROWS}: {study}: no published number is called {name}")
    return f"{found.text} {found.interval}".rstrip()
