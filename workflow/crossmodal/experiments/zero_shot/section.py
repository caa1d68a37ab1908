"""Job: the part of the page, the Markdown tables and the chart of H4."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crossmodal.experiments.zero_shot import tables as made
from crossmodal.experiments.zero_shot.charts import domains_chart, domains_frame
from crossmodal.experiments.zero_shot.params import Params
from crossmodal.jobs.run import In, Out, Spec, run
from crossmodal.report.cell_styles import styles_of
from crossmodal.report.cells import Grid
from crossmodal.report.lookup import Numbers
from crossmodal.report.section import draw_section, grid_of
from crossmodal.report.tables import Tables

TEMPLATE = Path(__file__).with_name("section.html")


def tables(numbers: Numbers, grid: Grid, values: Mapping[str, Any]) -> Tables:
    """Return the tables of this experiment by the name that a published page has them under."""
    room = Params.model_validate(values["room"])
    return made.tables(numbers, grid, room)


def main(cells: In, numbers: In, section: Out, spec: Spec) -> None:
    values = spec["parameters"]
    room, found = Params.model_validate(values["room"]), Numbers.read(cells, numbers)
    grid = grid_of(values, found, room.roles())
    shown = {
        name.removeprefix("zero-shot").lstrip("-") or "quality": table
        for name, [(_, table)] in tables(found, grid, values).items()
    }
    beside = [*room.students, *([room.probe] if room.probe else [])]
    frame = domains_frame(found, list(dict.fromkeys([*grid.cells, *beside])), room.domains)
    styles = styles_of(list(dict.fromkeys([*(grid.styled or grid.cells), *beside])))
    charts = {"zero-shot-domains": domains_chart(frame, styles).to_dict()} if len(frame) else {}
    draw_section(section, TEMPLATE, charts, values["statistics"]["level"], room=room, **shown)


if __name__ == "__main__":
    run(main)
