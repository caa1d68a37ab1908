"""Job: the part of the page, the Markdown tables, the charts and DVC's figures of H3."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crossmodal.experiments.search.charts import search_charts
from crossmodal.experiments.search.figures import COLUMNS, search_rows
from crossmodal.experiments.search.params import Params
from crossmodal.experiments.search.tables import all_tables, shown
from crossmodal.jobs.run import In, Out, Spec, run
from crossmodal.report.cells import Grid
from crossmodal.report.figures import write_rows
from crossmodal.report.lookup import Numbers
from crossmodal.report.section import draw_section
from crossmodal.report.tables import Tables

TEMPLATE = Path(__file__).with_name("section.html")


def tables(numbers: Numbers, grid: Grid, values: Mapping[str, Any]) -> Tables:
    """Return the tables of this experiment by the name that a published page has them under."""
    return all_tables(numbers, values["room"])


def main(numbers: In, section: Out, figures: Out, spec: Spec) -> None:
    values = spec["parameters"]
    params, found = Params.model_validate(values["room"]), Numbers.read(numbers)
    cell = params.cell or next(iter(params.cells), "")
    drawn = {name.replace("-", "_"): shown(own) for name, own in all_tables(found, values["room"]).items()}
    draw_section(
        section,
        TEMPLATE,
        search_charts(found, cell, list(params.galleries)),
        values["statistics"]["level"],
        runs=params.runs,
        folds=params.folds,
        galleries={name: gallery.distractors for name, gallery in params.galleries.items()},
        target=values["target"],
        timed=params.timed(),
        target_recall=params.target_recall,
        reference=params.index,
        **drawn,
    )
    write_rows(figures, COLUMNS, search_rows(found))


if __name__ == "__main__":
    run(main)
