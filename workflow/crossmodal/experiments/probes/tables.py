"""The table of the probes, with models of the target beside them."""

from collections.abc import Mapping
from typing import Any

from crossmodal.report.cells import Grid
from crossmodal.report.lookup import Numbers
from crossmodal.report.tables import (
    DIRECTIONS,
    RECALLS,
    Row,
    Table,
    figure,
    short,
    told_of_seeds,
    without_empty,
)

MODELS = ("zero_shot", "full")
"""Methods whose cells stand beside the probes: before any adaptation, and with all weights adapted."""
NOTES = {
    "lookup": "words and pixels looked up in the crawl",
    "colours": "colours that go with words in training",
}


def probes_table(numbers: Numbers, grid: Grid, cells: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return recall on the target's test split of the probes and, below them, of models; of parts of it R@1.

    `cells` are the facts of all cells; those of `MODELS` are shown that were adapted to the target without an
    adversary. Empty where no probe was measured.
    """
    here = {"dataset": grid.target, "split": "test"}
    parts = [v for v in numbers.distinct("variant", experiment="probes", **here) if "@" in v]
    columns = [("clean", direction, metric) for direction in DIRECTIONS for metric in RECALLS]
    columns += [(part, direction, RECALLS[0]) for part in parts for direction in DIRECTIONS]

    def row(experiment: str, name: str, group: str, note: str = "") -> Row:
        found = [
            numbers.find(experiment, metric, cell=name, variant=variant, direction=direction, **here)
            for variant, direction, metric in columns
        ]
        return Row(name, [figure(numbers, number) for number in found], group=group, note=note)

    probes = numbers.distinct("cell", experiment="probes", **here)
    rows = [row("probes", probe, "without a model", NOTES.get(probe, "")) for probe in probes]
    if rows:
        models = [
            row("peft", cell, "models") for cell in grid.cells if _beside(cells.get(cell, {}), grid.target)
        ]
        rows += [told_of_seeds(numbers, model) for model in models if any(model.figures)]
    spans = [(title, len(RECALLS)) for title in DIRECTIONS.values()]
    spans += [(f"{part.partition('@')[2]}, R@1 %", len(DIRECTIONS)) for part in parts]
    titles = [f"{short(metric)} %" if variant == "clean" else DIRECTIONS[d] for variant, d, metric in columns]
    return without_empty(Table("probes", "probe or cell", spans, titles, rows))


def _beside(facts: Mapping[str, Any], target: str) -> bool:
    plain = facts.get("method") in MODELS and not facts.get("adversarial")
    return plain and facts.get("dataset") == target
