"""Fill the tables of README.md and docs/results.md from the numbers of a finished study.

A block called NAME is filled from the default study, one called STUDY/NAME from that study.
"""

import json
import re
from pathlib import Path

import pandas as pd

from crossmodal.errors import UserError
from crossmodal.experiments.search.tables import search_table
from crossmodal.report import adaptation_tables, robustness_tables
from crossmodal.report.cells import Grid
from crossmodal.report.lookup import Numbers
from crossmodal.report.markdown import blocks, fill, hypotheses_markdown, results_table, table_markdown
from crossmodal.report.tables import DIRECTIONS, order_cells

STATED = re.compile(r"<!-- numbers: (.*?) -->", re.DOTALL)
PAGES = (Path("README.md"), Path("docs/results.md"))
"""The published pages. Each names, in comments, the numbers that it states."""


def filled(text: str, results: Path, study: str = "") -> str:
    """Return `text` with the tables of a study filled from its `results`; without a name, the default study's."""
    own, found = own_blocks(text, study), published_tables(results)
    tables = {name: found[name.rpartition("/")[2]] for name in own if name.rpartition("/")[2] in found}
    return fill(text, tables, others=blocks(text).keys() - own.keys())


def own_blocks(text: str, study: str = "") -> dict[str, str]:
    """Return the blocks of `text` that are a study's, by name; without a name those of the default study."""
    return {name: body for name, body in blocks(text).items() if name.rpartition("/")[0] == study}


def stated_numbers(study: str = "") -> set[str]:
    """Return the ids that the published pages name in the blocks of a study."""
    bodies = [
        body for page in PAGES if page.exists() for body in own_blocks(page.read_text(), study).values()
    ]
    return {name for body in bodies for named in STATED.findall(body) for name in named.split()}


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


def fill_pages(results: Path, study: str = "") -> list[Path]:
    """Fill the published pages from the study in `results` and return those that changed."""
    changed = []
    for page in PAGES:
        text = page.read_text()
        new = filled(text, results, study)
        if new != text:
            page.write_text(new)
            changed.append(page)
    return changed


def outdated_pages(results: Path, study: str = "") -> list[Path]:
    """Return the published pages whose tables are not those of the study in `results`."""
    return [
        page
        for page in PAGES
        if page.exists() and filled(page.read_text(), results, study) != page.read_text()
    ]
