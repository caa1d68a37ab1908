"""Fill the tables of README.md and docs/results.md from the numbers of a finished study."""

import json
from pathlib import Path

import pandas as pd

from crossmodal.errors import UserError
from crossmodal.report import tables
from crossmodal.report.lookup import Numbers
from crossmodal.report.markdown import blocks, fill, hypotheses_markdown, results_table, table_markdown

PAGES = (Path("README.md"), Path("docs/results.md"))
"""The published pages. Each names, in comments, the numbers that it states."""


def filled(text: str, results: Path) -> str:
    """Return `text` with its tables filled from the study in `results`."""
    found = published_tables(results)
    return fill(text, {name: found[name] for name in blocks(text) if name in found})


def published_tables(results: Path) -> dict[str, str]:
    """Return every table that a published page may hold, as Markdown, by name."""
    metrics = results / "metrics.parquet"
    if not metrics.exists():
        raise UserError(f"{metrics}: no such file; run the study first")
    numbers = Numbers(pd.read_parquet(metrics))
    params = json.loads((results / "study.json").read_text())
    hypotheses = json.loads((results / "hypotheses.json").read_text())
    target = params["adaptation"]["dataset"]
    cells = tables.order_cells(numbers, list(params["adaptation"]["cells"]))
    shifts = {
        f"robustness-{direction.replace('_', '-')}": tables.robustness_table(
            numbers, cells, target, direction
        )
        for direction in tables.DIRECTIONS
    }
    drawn = {
        "comparison": tables.comparison_table(numbers, cells, target),
        "domains": tables.domains_table(numbers, cells, target),
        "costs": tables.costs_table(numbers, cells),
        "search": tables.search_table(numbers),
        **shifts,
    }
    return {
        "hypotheses": hypotheses_markdown(hypotheses, numbers),
        "results": results_table(numbers, cells, target),
        **{name: table_markdown(table) for name, table in drawn.items()},
    }


def fill_pages(results: Path) -> list[Path]:
    """Fill the published pages from the study in `results` and return those that changed."""
    changed = []
    for page in PAGES:
        text = page.read_text()
        new = filled(text, results)
        if new != text:
            page.write_text(new)
            changed.append(page)
    return changed


def outdated_pages(results: Path) -> list[Path]:
    """Return the published pages whose tables are not those of the study in `results`."""
    return [page for page in PAGES if page.exists() and filled(page.read_text(), results) != page.read_text()]
