"""Fill the tables of README.md and docs/results.md from the numbers of a finished study."""

import json
from pathlib import Path

import pandas as pd

from crossmodal.errors import UserError
from crossmodal.report import adaptation_tables, robustness_tables
from crossmodal.report.cells import Grid
from crossmodal.report.lookup import Numbers
from crossmodal.report.markdown import blocks, fill, hypotheses_markdown, results_table, table_markdown
from crossmodal.report.search_tables import search_table
from crossmodal.report.tables import DIRECTIONS, order_cells

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
    facts = json.loads((results / "metrics.manifest.json").read_text())["spec"]["parameters"]
    grid = Grid.of(params["adaptation"]["dataset"], list(params["adaptation"]["cells"]), facts)
    grid = grid.sorted(lambda cells: order_cells(numbers, cells))
    drawn = {
        "h1": adaptation_tables.h1_table(numbers, grid),
        "pareto": adaptation_tables.pareto_table(numbers, grid),
        "domains": adaptation_tables.domains_table(numbers, grid),
        "costs": adaptation_tables.costs_table(numbers, grid),
        "shifts": robustness_tables.robustness_table(numbers, grid, "mean", "summary"),
        "threats": robustness_tables.threats_table(numbers, grid),
        "sanity": robustness_tables.sanity_table(numbers, grid),
        "selection": robustness_tables.selection_table(numbers, grid),
        "search": search_table(numbers),
    }
    return {
        "hypotheses": hypotheses_markdown(hypotheses, numbers),
        "results": results_table(numbers, grid),
        **{name: table_markdown(table) for name, table in drawn.items()},
        **{f"robustness-{d.replace('_', '-')}": _degradation(numbers, grid, d) for d in DIRECTIONS},
    }


def _degradation(numbers: Numbers, grid: Grid, direction: str) -> str:
    """Return the tables of degradation in one direction, one below the other."""
    parts = {
        title: robustness_tables.robustness_table(numbers, grid, direction, part)
        for part, title in robustness_tables.PARTS.items()
    }
    shown = [f"{title.capitalize()}:\n\n{table_markdown(table)}" for title, table in parts.items() if table]
    return "\n".join(shown) or "Not measured in this study.\n"


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
