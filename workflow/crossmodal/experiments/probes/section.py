"""Job: the part of the page and the Markdown table of the probes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crossmodal.experiments.probes.tables import probes_table
from crossmodal.jobs.run import In, Out, Spec, run
from crossmodal.report.cells import Grid
from crossmodal.report.lookup import Numbers
from crossmodal.report.section import draw_section, grid_of
from crossmodal.report.tables import Tables

TEMPLATE = Path(__file__).with_name("section.html")


def tables(numbers: Numbers, grid: Grid, values: Mapping[str, Any]) -> Tables:
    """Return the tables of this experiment by the name that a published page has them under."""
    return {"probes": [("", probes_table(numbers, grid, values["cells"]))]}


def main(cells: In, numbers: In, section: Out, spec: Spec) -> None:
    values, found = spec["parameters"], Numbers.read(cells, numbers)
    grid = grid_of(values, found, [])
    [(_, table)] = tables(found, grid, values)["probes"]
    level = values["statistics"]["level"]
    draw_section(section, TEMPLATE, {}, level, table=table, target=grid.target)


if __name__ == "__main__":
    run(main)
