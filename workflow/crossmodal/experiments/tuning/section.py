"""Job: the part of the page, the Markdown tables, the chart and DVC's figures of tuning."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crossmodal.experiments.tuning.charts import tuning_charts
from crossmodal.experiments.tuning.figures import COLUMNS, tuning_rows
from crossmodal.experiments.tuning.params import Params
from crossmodal.experiments.tuning.tables import chosen_table, edge_families, rates_table
from crossmodal.jobs.run import In, Out, Spec, run
from crossmodal.report.cells import Grid
from crossmodal.report.figures import write_rows
from crossmodal.report.lookup import Numbers
from crossmodal.report.section import draw_section
from crossmodal.report.tables import Tables

TEMPLATE = Path(__file__).with_name("section.html")


def tables(numbers: Numbers, grid: Grid, values: Mapping[str, Any]) -> Tables:
    """Return the tables of this experiment by the name that a published page has them under."""
    families = Params.model_validate(values["room"]).families
    decides = {name: family.cells for name, family in families.items()}
    return {
        "tuning": [("", chosen_table(numbers, decides))],
        "tuning-rates": [("", rates_table(numbers))],
    }


def main(numbers: In, section: Out, figures: Out, spec: Spec) -> None:
    values, found = spec["parameters"], Numbers.read(numbers)
    grid = Grid.of(values["target"], values["cells"])
    shown = tables(found, grid, values)
    families = Params.model_validate(values["room"]).families
    decides = {name: family.cells for name, family in families.items()}
    draw_section(
        section,
        TEMPLATE,
        tuning_charts(found, decides, grid.styles),
        values["statistics"]["level"],
        chosen=shown["tuning"][0][1],
        rates=shown["tuning-rates"][0][1],
        edges=edge_families(found),
        seeds=len(values["room"]["seeds"]),
    )
    write_rows(figures, COLUMNS, tuning_rows(found))


if __name__ == "__main__":
    run(main)
