"""The report: one HTML file that needs nothing but itself, the same bytes for the same inputs."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from markupsafe import Markup

from crossmodal.errors import UserError
from crossmodal.report import accuracy, tables
from crossmodal.report.cells import FEW, Grid
from crossmodal.report.chart_parts import naming_level
from crossmodal.report.formatting import format_level
from crossmodal.report.gallery import Gallery, Query, QueryKey, select_queries
from crossmodal.report.lookup import Numbers
from crossmodal.report.scripts import content_policy, json_for_script, vega_bundle
from crossmodal.report.section import Charts, read_section
from crossmodal.report.tables import DIRECTIONS, Figure
from crossmodal.report.templates import ASSETS, environment
from crossmodal.report.unbroken import unbroken
from crossmodal.report.verdicts import VERDICTS, Hypothesis, count_verdicts, read_hypotheses, wholes
from crossmodal.report.visible import reaches


@dataclass(frozen=True)
class Question:
    """An experiment of the study: what it asks, and the file of its part of the page."""

    name: str
    """Its key in params.yaml."""
    key: str
    """How its claims begin, such as `H1`."""
    title: str
    question: str
    section: Path


@dataclass(frozen=True)
class ReportInputs:
    """All that the page shows. Nothing else is read: no clock, no environment, no network."""

    study: str
    """Name of the study."""
    grid: Grid
    """Its cells, in the order that they are shown in."""
    numbers: Numbers
    """The table metrics.parquet."""
    level: float = 0.95
    """Coverage of the intervals, a share."""
    hypotheses: Sequence[Mapping[str, Any]] = ()
    """The list in hypotheses.json; for the unit of `measured` see verdicts.read_hypotheses."""
    questions: Sequence[Question] = ()
    """The experiments of the study, in the order of the page."""
    headline_cell: str = ""
    """The cell of the gallery and the key figures."""
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
    numbers, grid, headline = inputs.numbers, inputs.grid, inputs.headline_cell
    hypotheses = read_hypotheses(inputs.hypotheses, numbers)
    script = (ASSETS / "page.js").read_text(encoding="utf-8")
    own_charts = naming_level(accuracy.accuracy_charts(numbers, grid), inputs.level)
    sections = [(question, *read_section(question.section)) for question in inputs.questions]
    specs = _all_charts({"accuracy": own_charts} | {q.name: charts for q, _, charts in sections})
    templates = environment(audit_href=inputs.audit_href)
    page = templates.get_template("page.html").render(
        inputs=inputs,
        policy=content_policy(vega_bundle(), script),
        style=Markup((ASSETS / "page.css").read_text(encoding="utf-8")),
        bundle=Markup(vega_bundle()),
        script=Markup(script),
        specs=json_for_script(specs),
        charts=own_charts,
        headline=headline,
        grid=grid,
        few=len(grid.cells) <= FEW,
        seeds=_seeds(numbers, grid),
        count=len(numbers),
        level=format_level(inputs.level),
        sections=[(question, html, _own(hypotheses, question)) for question, html, _ in sections],
        hypotheses=hypotheses,
        verdicts=count_verdicts(hypotheses),
        wholes=wholes(hypotheses),
        reaches=reaches(hypotheses, numbers),
        signs=VERDICTS,
        directions=DIRECTIONS,
        key_figures=_key_figures(numbers, headline, grid.target),
        accuracy=accuracy.accuracy_table(numbers, grid, headline),
        concepts=accuracy.concepts_table(numbers, grid, headline),
        captions=accuracy.captions_table(numbers, grid, headline),
        subsets=accuracy.subsets_table(numbers, grid, headline),
        domains=accuracy.domains_table(numbers, grid, headline),
        gallery=_gallery(inputs, headline),
        params=yaml.safe_dump(json.loads(json.dumps(inputs.params)), sort_keys=False, allow_unicode=True),
    )
    head, main, tail = re.split(r"(<main\b.*?</main>)", page, maxsplit=1, flags=re.DOTALL)
    return head + unbroken(main) + tail


def _all_charts(by_section: Mapping[str, Charts]) -> Charts:
    """Return the charts of all sections; UserError where two share a name: a box would show the other's."""
    drawn: dict[str, str] = {}
    for section, charts in by_section.items():
        for name in charts:
            if name in drawn:
                sections = f"{drawn[name]} and {section}"
                raise UserError(f"the sections {sections} both draw a chart {name}: rename one of them")
            drawn[name] = section
    return {name: chart for charts in by_section.values() for name, chart in charts.items()}


def _seeds(numbers: Numbers, grid: Grid) -> str:
    """Return how many training seeds the cells have, in words; nothing where no number says.

    Looked at are the cells' own numbers: an experiment may count runs of something else in that place.
    """
    seeds: dict[str, set[str]] = {}
    for number in numbers:
        if number.experiment == "peft" and number.cell in grid.cells and number.seed.isdigit():
            seeds.setdefault(number.cell, set()).add(number.seed)
    if not seeds:
        return ""
    low, high = min(map(len, seeds.values())), max(map(len, seeds.values()))
    return f"{low} to {high} seeds a cell" if low < high else f"{high} seed{'s' if high > 1 else ''}"


def _own(hypotheses: Sequence[Hypothesis], question: Question) -> list[Hypothesis]:
    """Return the claims of an experiment: those under its key that are about its numbers, or about none."""
    return [
        hypothesis
        for hypothesis in hypotheses
        if hypothesis.id.partition(".")[0] == question.key
        and hypothesis.number_id.partition("/")[0] in ("", question.name)
    ]


def _key_figures(numbers: Numbers, cell: str, target: str) -> list[tuple[str, Figure]]:
    """Return the few numbers that stand at the top: label and figure, those that exist."""
    clean = {"cell": cell, "dataset": target, "split": "test", "variant": "clean"}
    wanted = [
        (f"{tables.short(metric)} of {cell}, {title}", numbers.find("peft", metric, direction=d, **clean))
        for metric in ("recall@1", "recall@10")
        for d, title in DIRECTIONS.items()
    ]
    wanted.append(("of the parameters trained", numbers.find("peft", "parameters_share", cell=cell)))
    return [
        (label, shown)
        for label, number in wanted
        if (shown := tables.figure(numbers, number, unit=True)) is not None
    ]


def _gallery(inputs: ReportInputs, cell: str) -> list[Query]:
    if inputs.gallery is None or not inputs.queries:
        return []
    return select_queries(inputs.queries, (cell, inputs.grid.target, "clean"), Gallery(inputs.gallery))
