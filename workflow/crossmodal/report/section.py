"""An experiment's part of the page: drawn by a job of its own, joined with the others by the page's."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from crossmodal.report.cells import Grid
from crossmodal.report.chart_parts import naming_level
from crossmodal.report.lookup import Numbers
from crossmodal.report.tables import order_cells
from crossmodal.report.templates import environment

AUDIT = "audit.html"
"""The page beside the report that explains each number."""

Charts = dict[str, dict[str, Any]]
"""Vega-Lite specifications by the id of their box."""


def grid_of(values: Mapping[str, Any], numbers: Numbers, roles: list[str]) -> Grid:
    """Return the cells in the order that they are shown in: groups, and in each by trainable parameters.

    `values` are the parameters of a job that makes or draws numbers; cells with a part in the claims (`roles`) are
    told apart in charts.
    """
    grid = Grid.of(values["target"], values["cells"], roles)
    return grid.sorted(lambda cells: order_cells(numbers, cells))


def draw_section(path: Path, template: Path, charts: Charts, level: float, **context: Any) -> None:
    """Write what an experiment shows to `path`: JSON with `html`, its part of the page, and `charts`.

    `template` is a file beside the experiment's code; it gets `context` and the names of `charts`. `level` is the
    coverage of intervals, a share, which tooltips name.
    """
    templates = environment(template.parent, audit_href=AUDIT)
    html = templates.get_template(template.name).render(charts=list(charts), **context)
    content = {"html": html, "charts": naming_level(charts, level)}
    path.write_text(json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def read_section(path: Path) -> tuple[Markup, Charts]:
    """Return the part of the page at `path` and its charts."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return Markup(content["html"]), content["charts"]  # written by draw_section, where values were escaped
