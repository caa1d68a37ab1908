"""Job: the part of the page, the Markdown tables and the charts of H1."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crossmodal.experiments.peft.charts import pareto_charts
from crossmodal.experiments.peft.params import Params
from crossmodal.experiments.peft.tables import costs_table, h1_table, pareto_table, subsets_table
from crossmodal.jobs.run import In, Out, Spec, run
from crossmodal.report.cells import Grid
from crossmodal.report.lookup import Numbers
from crossmodal.report.section import draw_section, grid_of
from crossmodal.report.tables import Tables

TABLES = {"h1": h1_table, "pareto": pareto_table, "costs": costs_table}
TEMPLATE = Path(__file__).with_name("section.html")


def tables(numbers: Numbers, grid: Grid, values: Mapping[str, Any]) -> Tables:
    """Return the tables of this experiment by the name that a published page has them under."""
    found = {name: table(numbers, grid) for name, table in TABLES.items()}
    return {name: [("", table)] for name, table in found.items()}


def main(cells: In, numbers: In, section: Out, spec: Spec) -> None:
    values = spec["parameters"]
    params, found = Params.model_validate(values["room"]), Numbers.read(cells, numbers)
    grid = grid_of(values, found, params.roles())
    shown = {name: table(found, grid, params.cell or "") for name, table in TABLES.items()}
    shown["subsets"] = subsets_table(found, grid, params.cell or "")
    charts = pareto_charts(found, grid)
    level = values["statistics"]["level"]
    draw_section(section, TEMPLATE, charts, level, target=grid.target, **shown)


if __name__ == "__main__":
    run(main)
