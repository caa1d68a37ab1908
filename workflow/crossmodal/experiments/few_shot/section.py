"""Job: the part of the page, the Markdown tables and the chart of few-shot classification."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crossmodal.experiments.few_shot import tables as made
from crossmodal.experiments.few_shot.charts import in_front, shots_chart, shots_frame
from crossmodal.experiments.few_shot.names import UNSEEN
from crossmodal.experiments.few_shot.params import Params
from crossmodal.jobs.run import In, Out, Spec, run
from crossmodal.report.cell_styles import styles_of
from crossmodal.report.cells import Grid
from crossmodal.report.lookup import Numbers
from crossmodal.report.section import draw_section
from crossmodal.report.tables import Tables

TEMPLATE = Path(__file__).with_name("section.html")


def tables(numbers: Numbers, grid: Grid, values: Mapping[str, Any]) -> Tables:
    """Return the tables of this experiment by the name that a published page has them under."""
    return made.tables(numbers, Params.model_validate(values["room"]))


def main(numbers: In, section: Out, spec: Spec) -> None:
    values = spec["parameters"]
    room, found = Params.model_validate(values["room"]), Numbers.read(numbers)
    shown = {
        name.removeprefix("few-shot").lstrip("-") or "accuracy": table
        for name, [(_, table)] in made.tables(found, room).items()
    }
    methods = in_front(room)
    frame = shots_frame(found, room, methods)
    charts = {"few-shot": shots_chart(frame, styles_of(methods)).to_dict()} if len(frame) else {}
    mean_over = "the sets" + (" that base models have not met" if room.judged() == UNSEEN else "")
    level = values["statistics"]["level"]
    draw_section(section, TEMPLATE, charts, level, room=room, mean_over=mean_over, **shown)


if __name__ == "__main__":
    run(main)
