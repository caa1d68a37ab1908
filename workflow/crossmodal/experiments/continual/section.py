"""Job: the part of the page, the Markdown tables and the chart of continual learning."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crossmodal.experiments.continual import tables as made
from crossmodal.experiments.continual.charts import AT_ONCE, sessions_chart, sessions_frame
from crossmodal.experiments.continual.params import Params
from crossmodal.jobs.run import In, Out, Spec, run
from crossmodal.report.cell_styles import styles_of
from crossmodal.report.cells import Grid
from crossmodal.report.lookup import Numbers
from crossmodal.report.section import draw_section
from crossmodal.report.tables import Tables

TEMPLATE = Path(__file__).with_name("section.html")


def tables(numbers: Numbers, grid: Grid, values: Mapping[str, Any]) -> Tables:
    """Return the tables of this experiment by the name that a published page has them under."""
    return made.tables(numbers, Params.model_validate(values["room"]), grid.target)


def main(numbers: In, section: Out, spec: Spec) -> None:
    values = spec["parameters"]
    room, found, target = (
        Params.model_validate(values["room"]),
        Numbers.read(numbers),
        values["target"],
    )
    shown = {
        name.removeprefix("continual").lstrip("-") or "learning": own
        for name, own in made.tables(found, room, target).items()
    }
    frame = sessions_frame(found, room)
    styles = styles_of([*room.cells, *(f"{cell}{AT_ONCE}" for cell in room.cells)])
    charts = {"continual-sessions": sessions_chart(frame, styles).to_dict()} if len(frame) else {}
    single = {name: own[0][1] for name, own in shown.items() if name != "matrix"}
    draw_section(
        section, TEMPLATE, charts, values["statistics"]["level"],
        room=room, target=target, matrices=shown["matrix"], **single,
    )  # fmt: skip


if __name__ == "__main__":
    run(main)
