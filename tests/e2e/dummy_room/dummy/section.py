"""Job: the part of the page about counting."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crossmodal.jobs.run import In, Out, Spec, run
from crossmodal.report.cells import Grid
from crossmodal.report.lookup import Numbers
from crossmodal.report.section import draw_section
from crossmodal.report.tables import Row, Table, Tables, figure

TEMPLATE = Path(__file__).with_name("section.html")


def tables(numbers: Numbers, grid: Grid, values: Mapping[str, Any]) -> Tables:
    """Return the tables of this experiment by the name that a published page has them under."""
    found = numbers.select("dummy", values["room"]["number"])
    rows = [Row(number.cell, [figure(numbers, number)]) for number in found]
    return {"counts": [("", Table("counts", "cell", [], ["queries"], rows))]}


def main(numbers: In, section: Out, spec: Spec) -> None:
    values, found = spec["parameters"], Numbers.read(numbers)
    [(_, table)] = tables(found, Grid.of(values["target"], values["cells"]), values)["counts"]
    draw_section(section, TEMPLATE, {}, values["statistics"]["level"], table=table)


if __name__ == "__main__":
    run(main)
