"""Job: the part of the page, the Markdown tables, the charts and DVC's figures of H2."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crossmodal.experiments.robustness import charts, frames
from crossmodal.experiments.robustness.contact_sheet import draw_sheet
from crossmodal.experiments.robustness.figures import COLUMNS, degradation_rows
from crossmodal.experiments.robustness.params import Params
from crossmodal.experiments.robustness.records import SanityCheck, ShiftFacts
from crossmodal.experiments.robustness.tables import (
    PARTS,
    differences_table,
    pairs_table,
    robustness_table,
    sanity_table,
    selection_table,
    threats_table,
)
from crossmodal.jobs.run import In, Ins, Out, Spec, run
from crossmodal.report.cells import FEW, Grid
from crossmodal.report.figures import write_rows
from crossmodal.report.lookup import Numbers
from crossmodal.report.section import Charts, draw_section, grid_of
from crossmodal.report.tables import ALL_DIRECTIONS, DIRECTIONS, Table, Tables

TEMPLATE = Path(__file__).with_name("section.html")
LIMITS = (0.05, 0.15)
"""Degradations (fractions) that the proposal speaks of, drawn as lines."""


def tables(numbers: Numbers, grid: Grid, values: Mapping[str, Any]) -> Tables:
    """Return the tables of this experiment by the name that a published page has them under."""
    shifts = shift_facts(values)
    found: Tables = {
        f"robustness-{direction.replace('_', '-')}": [
            (title, robustness_table(numbers, grid, shifts, direction, part)) for part, title in PARTS.items()
        ]
        for direction in DIRECTIONS
    }
    pairs = Params.model_validate(values["room"]).pairs
    return found | {
        "pairs": [("", pairs_table(numbers, grid.target, pairs))],
        "pairs-by-shift": [("", differences_table(numbers, grid.target, pairs, "mean"))],
        "shifts": [("", robustness_table(numbers, grid, shifts, "mean", "summary"))],
        "threats": [("", threats_table(numbers, grid))],
        "sanity": [("", sanity_table(numbers, grid))],
        "selection": [("", selection_table(numbers, grid))],
    }


def shift_facts(values: Mapping[str, Any]) -> dict[str, ShiftFacts]:
    """Return what each shift of a study is, from the parameters of a job."""
    return {name: ShiftFacts.model_validate(facts) for name, facts in values["shifts"].items()}


def main(
    cells: In, numbers: In, sanity: Ins, images: Ins, shifted: Ins, section: Out, figures: Out, spec: Spec
) -> None:
    values = spec["parameters"]
    params, found = Params.model_validate(values["room"]), Numbers.read(cells, numbers)
    grid, shifts = grid_of(values, found, params.roles()), shift_facts(values)
    headline = params.adversarial or ""
    statements = {
        check.name: check.statement for path in sanity for check in SanityCheck.read(path, cell="", seed=0)
    }
    draw_section(
        section,
        TEMPLATE,
        _charts(found, grid, shifts),
        values["statistics"]["level"],
        few=len(grid.cells) <= FEW,
        limits=LIMITS,
        all_directions=ALL_DIRECTIONS,
        pairs=pairs_table(found, grid.target, params.pairs),
        differences=differences_table(found, grid.target, params.pairs, "mean"),
        kinds=_kinds(shifts),
        sheet=draw_sheet(images[0], dict(zip(params.shifts, shifted, strict=True)), shifts)
        if shifted
        else None,
        robustness=_degradations(found, grid, shifts, headline),
        threats=threats_table(found, grid, headline),
        sanity=sanity_table(found, grid, statements),
        selection=selection_table(found, grid, headline),
    )
    write_rows(figures, COLUMNS, degradation_rows(found, grid.target))


def _kinds(shifts: Mapping[str, ShiftFacts]) -> dict[str, list[str]]:
    """Return the kinds of the shifts of images and of texts that means are over, in words."""
    kinds: dict[str, list[str]] = {"images": [], "texts": []}
    for facts in shifts.values():
        if facts.control:
            continue
        kinds[facts.modality].append(facts.kind.replace("_", " "))
    return {modality: list(dict.fromkeys(found)) for modality, found in kinds.items()}


def _degradations(
    numbers: Numbers, grid: Grid, shifts: Mapping[str, ShiftFacts], headline: str
) -> dict[str, list[tuple[str, Table]]]:
    """Return the tables of degradation that are not empty, by direction: title and table."""
    found = {
        direction: [
            (title, robustness_table(numbers, grid, shifts, direction, part, headline))
            for part, title in PARTS.items()
        ]
        for direction in ALL_DIRECTIONS
    }
    return {direction: [pair for pair in pairs if pair[1]] for direction, pairs in found.items()}


def _charts(numbers: Numbers, grid: Grid, shifts: Mapping[str, ShiftFacts]) -> Charts:
    specs: Charts = {}
    cells, few = grid.cells, len(grid.cells) <= FEW
    for direction in DIRECTIONS:
        loss = frames.degradation_frame(numbers, cells, grid.target, direction)
        if not len(loss):
            continue
        if not few:
            loss = loss[~loss["summary"].astype(bool)]
        specs[f"degradation-{direction}"] = (
            charts.degradation_chart(loss, cells, grid.styles, LIMITS).to_dict()
            if few
            else charts.degradation_map(loss, cells)
        )
    severity = frames.severity_frame(numbers, grid, shifts, "mean")
    if len(severity):
        specs["severity"] = charts.severity_chart(severity, grid.highlighted, grid.styles).to_dict()
    attack = frames.attack_frame(numbers, grid)
    if len(attack):
        specs["attack"] = charts.attack_chart(attack, cells, grid.styles).to_dict()
    return specs


if __name__ == "__main__":
    run(main)
