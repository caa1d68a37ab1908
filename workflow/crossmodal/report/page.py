"""The report: one HTML file that needs nothing but itself, the same bytes for the same inputs."""

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
import pandas as pd
import yaml
from markupsafe import Markup

from crossmodal.report import adaptation_tables, robustness_tables, tables
from crossmodal.report.cells import Grid
from crossmodal.report.chart_specs import chart_specs
from crossmodal.report.formatting import format_level, format_time
from crossmodal.report.gallery import Gallery, Query, QueryKey, select_queries
from crossmodal.report.lookup import Numbers
from crossmodal.report.scripts import content_policy, json_for_script, vega_bundle
from crossmodal.report.search_tables import search_table
from crossmodal.report.tables import ALL_DIRECTIONS, DIRECTIONS, Figure
from crossmodal.report.verdicts import VERDICTS, count_verdicts, read_hypotheses

ASSETS = Path(__file__).parent / "assets"
"""Templates, style and script. They are read at run time: a job that calls write_report depends on them."""


@dataclass(frozen=True)
class ReportInputs:
    """All that the page shows. Nothing else is read: no clock, no environment, no network."""

    study: str
    """Name of the study."""
    target: str
    """Name of the target dataset."""
    numbers: pd.DataFrame
    """The table metrics.parquet."""
    hypotheses: Sequence[Mapping[str, Any]]
    """The list in hypotheses.json; for the unit of `measured` see verdicts.read_hypotheses."""
    cells: Sequence[str] = ()
    """Cells to show, by their trainable parameters, then in this order; empty: all that have numbers."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """The parameters that the numbers were summed up with: what its cells and shifts are (Grid.of)."""
    sanity: Mapping[str, str] = field(default_factory=dict)
    """What the checks for masked gradients state, by name."""
    headline_cell: str = ""
    """The cell of the gallery and the key figures; empty: the first of `cells` that has a gallery."""
    queries: Mapping[QueryKey, Path] = field(default_factory=dict)
    """(cell, dataset, variant, direction) -> queries.parquet; one file may stand under both directions."""
    gallery: Path | None = None
    """Dataset Parquet of the target's test split, whose images and captions the gallery shows."""
    sheets: Sequence[Mapping[str, Any]] = ()
    """Data sheets: name, source, version, licence, counts, splits, known_limits; values may be nested."""
    environment: Mapping[str, Any] = field(default_factory=dict)
    """Versions, commit, platform as the manifests record them; values may be mappings."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """The resolved parameters."""
    finished: str = ""
    """When the last job before the report ended, as its manifest says; empty: not stated."""
    limits: tuple[float, ...] = (0.05, 0.15)
    """Degradations (fractions) that a hypothesis speaks of, drawn as lines."""
    audit_href: str = ""
    """Page that explains a number, linked as `<audit_href>#<number_id>`; empty: numbers are not links."""


def write_report(inputs: ReportInputs, path: Path) -> None:
    """Write the self-contained page of a study to `path` (UTF-8).

    Sections whose numbers are missing say so in a sentence. Raises UserError for metrics without a required
    column or with an id twice, for an unknown verdict and for an unreadable Parquet file.
    """
    path.write_text(render(inputs), encoding="utf-8", newline="\n")


def render(inputs: ReportInputs) -> str:
    """Return the page as text; equal inputs give equal text."""
    numbers = Numbers(inputs.numbers)
    named = list(inputs.cells) or [cell for cell in numbers.distinct("cell") if cell not in ("-", "*")]
    grid = Grid.of(inputs.target, named, inputs.facts).sorted(
        lambda cells: tables.order_cells(numbers, cells)
    )
    headline = inputs.headline_cell or next((key[0] for key in sorted(inputs.queries)), "")
    hypotheses = read_hypotheses(inputs.hypotheses, numbers)
    script = (ASSETS / "page.js").read_text(encoding="utf-8")
    level = format_level((inputs.facts.get("statistics") or {}).get("level"))
    specs = chart_specs(numbers, grid, inputs.limits, headline, level)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ASSETS),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["moment"] = format_time
    environment.filters["grid"] = _grid
    environment.globals["link"] = functools.partial(_link, inputs.audit_href)
    return environment.get_template("page.html").render(
        inputs=inputs,
        policy=content_policy(vega_bundle(), script),
        style=Markup((ASSETS / "page.css").read_text(encoding="utf-8")),
        bundle=Markup(vega_bundle()),
        script=Markup(script),
        specs=json_for_script(specs),
        charts=specs,
        level=level,
        headline=headline,
        cells=grid.cells,
        grid=grid,
        seeds=[seed for seed in numbers.distinct("seed") if seed not in ("*", "-", "")],
        count=len(numbers),
        hypotheses=hypotheses,
        verdicts=count_verdicts(hypotheses),
        signs=VERDICTS,
        directions=DIRECTIONS,
        all_directions=ALL_DIRECTIONS,
        key_figures=_key_figures(numbers, inputs, headline),
        accuracy=adaptation_tables.accuracy_table(numbers, grid, headline),
        h1=adaptation_tables.h1_table(numbers, grid, headline),
        pareto=adaptation_tables.pareto_table(numbers, grid, headline),
        costs=adaptation_tables.costs_table(numbers, grid, headline),
        domains=adaptation_tables.domains_table(numbers, grid, headline),
        robustness=_robustness(numbers, grid, headline),
        threats=robustness_tables.threats_table(numbers, grid, headline),
        sanity=robustness_tables.sanity_table(numbers, grid, inputs.sanity),
        selection=robustness_tables.selection_table(numbers, grid, headline),
        search=search_table(numbers),
        gallery=_gallery(inputs, headline),
        params=yaml.safe_dump(json.loads(json.dumps(inputs.params)), sort_keys=False, allow_unicode=True),
    )


def _robustness(numbers: Numbers, grid: Grid, headline: str) -> dict[str, list[tuple[str, tables.Table]]]:
    """Return the tables of degradation that are not empty, by direction: title and table."""
    found = {
        direction: [
            (title, robustness_tables.robustness_table(numbers, grid, direction, part, headline))
            for part, title in robustness_tables.PARTS.items()
        ]
        for direction in ALL_DIRECTIONS
    }
    return {direction: [pair for pair in pairs if pair[1]] for direction, pairs in found.items()}


def _key_figures(numbers: Numbers, inputs: ReportInputs, cell: str) -> list[tuple[str, Figure]]:
    """Return the few numbers that stand at the top: label and figure, those that exist."""
    here = {"cell": cell, "dataset": inputs.target}
    both = {**here, "direction": "mean"}
    index = next(reversed(numbers.distinct("variant", experiment="search")), "")
    wanted = [
        (
            f"R@1 of {cell}, text → image",
            numbers.find(
                "peft", "recall@1", variant="clean", split="test", direction="text_to_image", **here
            ),
        ),
        ("of full fine-tuning's R@1 kept", numbers.find("peft", "retention_recall@1", **both)),
        ("of the parameters trained", numbers.find("peft", "parameters_share", cell=cell)),
        (
            "of its R@1 lost, mean of all shifts",
            numbers.find("robustness", "degradation_recall@1", variant="shifts-mean", **both),
        ),
        (f"a query (p50), {index}", numbers.find("search", "latency_p50", variant=index)),
    ]
    return [
        (label, shown)
        for label, number in wanted
        if (shown := tables.figure(numbers, number, unit=True)) is not None
    ]


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


def _gallery(inputs: ReportInputs, cell: str) -> list[Query]:
    if inputs.gallery is None or not inputs.queries:
        return []
    return select_queries(inputs.queries, (cell, inputs.target, "clean"), Gallery(inputs.gallery))


def _link(audit_href: str, number_id: str) -> str:
    return f"{audit_href}#{quote(number_id, safe='/@*')}" if audit_href else ""
