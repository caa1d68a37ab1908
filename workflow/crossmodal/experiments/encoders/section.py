"""Job: the part of the page, the Markdown tables and the charts of image encoders."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crossmodal.experiments.encoders import tables as made
from crossmodal.experiments.encoders.charts import trade_off_charts
from crossmodal.experiments.encoders.gallery import one_caption
from crossmodal.experiments.encoders.params import Params
from crossmodal.jobs.run import In, Ins, Out, Spec, run
from crossmodal.report.cells import Grid
from crossmodal.report.lookup import Numbers
from crossmodal.report.section import draw_section
from crossmodal.report.tables import Tables

TEMPLATE = Path(__file__).with_name("section.html")


def tables(numbers: Numbers, grid: Grid, values: Mapping[str, Any]) -> Tables:
    """Return the tables of this experiment by the name that a published page has them under."""
    room = Params.model_validate(values["room"])
    return made.tables(numbers, by_size(numbers, room.cells), room, grid.target)


def by_size(numbers: Numbers, cells: list[str]) -> list[str]:
    """Return the encoders by the parameters of their image towers, smallest first."""
    sizes = {cell: numbers.find("encoders", "parameters_tower", cell=cell) for cell in cells}
    return sorted(cells, key=lambda cell: number.value if (number := sizes[cell]) else 0.0)


def main(cells: In, numbers: In, queries: Ins, images: Ins, section: Out, spec: Spec) -> None:
    values = spec["parameters"]
    room, found = Params.model_validate(values["room"]), Numbers.read(cells, numbers)
    ordered = by_size(found, room.cells)
    asked = one_caption(dict(zip(room.cells, queries, strict=True)), images[0]) if queries else {}
    draw_section(
        section,
        TEMPLATE,
        trade_off_charts(found, ordered, values["target"], room.probe),
        values["statistics"]["level"],
        room=room,
        target=values["target"],
        quality=made.quality_table(found, ordered, room, values["target"]),
        costs=made.costs_table(found, ordered),
        asked={cell: asked[cell] for cell in ordered if cell in asked},
    )


if __name__ == "__main__":
    run(main)
