"""Job: the part of the page, the Markdown tables, the charts and DVC's figures of H3 at size."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crossmodal.experiments.scale.charts import scale_charts
from crossmodal.experiments.scale.figures import COLUMNS, scale_rows
from crossmodal.experiments.scale.params import Params
from crossmodal.experiments.scale.tables import answers_table, building_table, density_table, growth_table
from crossmodal.jobs.run import In, Out, Spec, run
from crossmodal.report.cells import Grid
from crossmodal.report.figures import write_rows
from crossmodal.report.lookup import Numbers
from crossmodal.report.section import draw_section
from crossmodal.report.tables import Tables

TEMPLATE = Path(__file__).with_name("section.html")


def tables(numbers: Numbers, grid: Grid, values: Mapping[str, Any]) -> Tables:
    """Return the tables of this experiment by the name that a published page has them under."""
    return {
        "scale": [("", answers_table(numbers))],
        "scale-building": [("", building_table(numbers))],
        "scale-growth": [("", growth_table(numbers))],
        "scale-density": [("", density_table(numbers))],
    }


def main(numbers: In, section: Out, figures: Out, spec: Spec) -> None:
    values, found = spec["parameters"], Numbers.read(numbers)
    room = Params.model_validate(values["room"])
    draw_section(
        section,
        TEMPLATE,
        scale_charts(found),
        values["statistics"]["level"],
        answers=answers_table(found),
        building=building_table(found),
        growth=growth_table(found),
        density=density_table(found),
        room=room,
        index=room.index.kind.replace("_", "-") if room.index else "",
        graph=room.hnsw.kind.replace("_", "-") if room.hnsw else "",
    )
    write_rows(figures, COLUMNS, scale_rows(found))


if __name__ == "__main__":
    run(main)
