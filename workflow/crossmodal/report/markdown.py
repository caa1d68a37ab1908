"""The same tables as plain text for the terminal and as Markdown for the README."""

import re
import textwrap
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from crossmodal.errors import UserError
from crossmodal.report.formatting import ABSENT
from crossmodal.report.lookup import Numbers
from crossmodal.report.tables import Figure, Table
from crossmodal.report.verdicts import VERDICTS, read_hypotheses

NOTHING = "Not measured in this study.\n"
"""What stands where there is no table."""
_BLOCK = re.compile(r"(<!-- table:(?P<name>[\w/-]+) -->)(?P<body>.*?)(<!-- /table -->)", re.DOTALL)
_MARKER = re.compile(r"<!--[^\w>]*table[^\n]*?(?:-->|$)", re.IGNORECASE | re.MULTILINE)
"""What a reader takes for the beginning or the end of a block, whether it is one or not."""


def hypothesis_table(
    hypotheses: Sequence[Mapping[str, Any]], numbers: Numbers | None = None, width: int = 110
) -> str:
    """Return the rows of hypotheses.json as a plain-text table of at most `width` columns (60 or more).

    Statements wrap under themselves. `numbers` give units to measurements whose target names none.
    """
    rows = [
        (
            h.id,
            f"{VERDICTS[h.verdict]} {h.verdict}",
            f"{h.measured} {h.interval}".rstrip(),
            h.target,
            h.statement,
        )
        for h in read_hypotheses(hypotheses, numbers)
    ]
    if not rows:
        return "no hypotheses in this study\n"
    titles = ("id", "verdict", "measured [interval]", "target")
    widths = [max(len(title), *(len(row[i]) for row in rows)) for i, title in enumerate(titles)]
    indent = sum(widths) + 2 * len(widths)
    beside = width - indent >= 30
    lines = [
        "  ".join([*(t.ljust(w) for t, w in zip(titles, widths, strict=True)), "statement" * beside]).rstrip()
    ]
    lines.append("-" * min(width, indent + 40 if beside else indent - 2))
    for row in rows:
        head = "  ".join(text.ljust(w) for text, w in zip(row, widths, strict=False))
        if beside:
            wrapped = textwrap.wrap(row[4], width - indent) or [""]
            lines.append(f"{head}  {wrapped[0]}".rstrip())
            lines += [" " * indent + line for line in wrapped[1:]]
        else:
            lines.append(head.rstrip())
            lines += textwrap.wrap(row[4], width, initial_indent="    ", subsequent_indent="    ")
    return "\n".join(lines) + "\n"


def hypotheses_markdown(hypotheses: Sequence[Mapping[str, Any]], numbers: Numbers | None = None) -> str:
    """Return the rows of hypotheses.json as a Markdown table."""
    read = read_hypotheses(hypotheses, numbers)
    rows = [
        [f"`{h.id}`", h.statement, h.target, f"{h.measured} {h.interval}".rstrip(), f"**{h.verdict}**"]
        for h in read
    ]
    return as_markdown(["", "hypothesis", "target", "measured [interval]", "verdict"], rows, left=5)


def tables_markdown(tables: Sequence[tuple[str, Table]]) -> str:
    """Return tables as Markdown, one below the other, each under its title; empty ones are left out.

    Where all are empty it is a sentence that says so.
    """
    shown = [
        f"{title.capitalize()}:\n\n{table_markdown(table)}" if title else table_markdown(table)
        for title, table in tables
        if table
    ]
    return "\n".join(shown) or NOTHING


def table_markdown(table: Table) -> str:
    """Return a table as Markdown. A group of rows begins with a row of its title."""
    groups = [title for title, span in table.groups for _ in range(span)] or [""] * len(table.columns)
    columns = [
        f"{group}<br>{column}" if group else column
        for group, column in zip(groups, table.columns, strict=True)
    ]
    rows: list[list[str]] = []
    title = ""
    for row in table.rows:
        if row.group != title:
            title = row.group
            rows.append([f"*{title}*", *([""] * len(table.columns))])
        name = f"{row.name} ({', '.join(row.caveats)})" if row.caveats else row.name
        rows.append([name, *(_figure(figure) for figure in row.figures)])
    return as_markdown([table.corner, *columns], rows, left=1)


def blocks(text: str) -> dict[str, str]:
    """Return what stands in the tables that `text` has places for, by name, in their order."""
    return {match["name"]: match["body"] for match in _BLOCK.finditer(text)}


def outside(text: str) -> str:
    """Return `text` without its blocks, in as many lines: what a person wrote."""
    return _BLOCK.sub(lambda match: "\n" * match[0].count("\n"), text)


def stray_marker(text: str) -> tuple[int, str] | None:
    """Return line and text of the first marker that neither begins nor ends a block of `text`; None if all do.

    What stands behind such a marker looks like a table that is filled, and nobody fills or compares it.
    """
    ends = {end for match in _BLOCK.finditer(text) for end in (match.start(1), match.start(4))}
    strays = (match for match in _MARKER.finditer(text) if match.start() not in ends)
    stray = next(strays, None)
    return (text.count("\n", 0, stray.start()) + 1, stray[0]) if stray else None


def fill(text: str, tables: Mapping[str, str], others: Collection[str] = ()) -> str:
    """Return `text` with tables[NAME] between each `<!-- table:NAME -->` and `<!-- /table -->`.

    Blocks called one of `others` stay as they are. Filling twice changes nothing. UserError for a block without
    a table, or a table without a block.
    """
    found = blocks(text)
    unknown = [name for name in found if name not in tables and name not in others]
    if unknown:
        raise UserError(f"no table is called {unknown[0]!r}; there are {', '.join(sorted(tables)) or 'none'}")
    absent = [name for name in tables if name not in found]
    if absent:
        raise UserError(
            f"the text has no block <!-- table:{absent[0]} --> ... <!-- /table --> for that table"
        )

    def filled(match: re.Match[str]) -> str:
        name = match["name"]
        return f"{match[1]}\n{tables[name].strip()}\n{match[4]}" if name in tables else match[0]

    return _BLOCK.sub(filled, text)


def _figure(figure: Figure | None) -> str:
    if figure is None:
        return ABSENT
    return f"{figure.text} {figure.interval}".rstrip()


def as_markdown(columns: list[str], rows: list[list[str]], left: int) -> str:
    """Return a Markdown table whose first `left` columns are set to the left, the others to the right."""
    rules = [":--"] * left + ["--:"] * (len(columns) - left)
    lines = [columns, rules, *rows]
    return (
        "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
        + "\n"
    )
