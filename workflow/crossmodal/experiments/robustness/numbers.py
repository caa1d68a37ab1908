"""Job: the numbers of H2: recall under shift and attack, what that costs, whether the attacks were real ones."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from crossmodal.experiments.robustness.claims import claims
from crossmodal.experiments.robustness.degradations import attack_numbers, degradation
from crossmodal.experiments.robustness.overfitting import overfitting_numbers
from crossmodal.experiments.robustness.pairs import beside_itself_numbers, control_numbers, pair_numbers
from crossmodal.experiments.robustness.params import Pair, Params
from crossmodal.experiments.robustness.records import RobustRecall, SanityCheck, ShiftFacts, TextUnit
from crossmodal.experiments.robustness.sanity import sanity_numbers
from crossmodal.experiments.robustness.selection import selection_numbers
from crossmodal.experiments.robustness.unit_numbers import unit_numbers
from crossmodal.jobs.run import Ins, Out, Spec, run
from crossmodal.statistics.card import AdapterCard
from crossmodal.statistics.cells import by_split, cells_of, retrieval_record
from crossmodal.statistics.comparisons import quality
from crossmodal.statistics.estimates import Place
from crossmodal.statistics.numbers import Number, write_numbers
from crossmodal.statistics.panel import Panel, Result, read_result
from crossmodal.statistics.records import CellFacts, cell_facts
from crossmodal.statistics.settings import StatisticsParameters
from crossmodal.statistics.targets import Target, targets_of


def main(
    clean: Ins, shifted: Ins, cards: Ins, attacked: Ins, sanity: Ins, units: Ins, validated: Ins,
    numbers: Out, spec: Spec,
) -> None:  # fmt: skip
    values = spec["parameters"]
    cells = cell_facts(values["cells"])
    parameters = StatisticsParameters.model_validate(values["statistics"])
    records = [
        *(retrieval_record(path) for path in clean),
        *(retrieval_record(path, "robustness") for path in shifted),
    ]
    facts = {name: ShiftFacts.model_validate(shift) for name, shift in values["shifts"].items()}
    room = Params.model_validate(values["room"])
    targets = targets_of(claims(room, values["target"], cells))
    found_cards = [card for path in cards for card in AdapterCard.read(path)]
    found = [
        *shift_numbers(
            [read_result(record) for record in records], values["target"], cells, facts, parameters, room.pairs,
            targets, room.without,
        ),
        *attacked_numbers([read_result(retrieval_record(path, "attack")) for path in attacked], parameters),
        *sanity_numbers([check for path in sanity for check in SanityCheck.read(path, **_run(path))]),
        *unit_numbers(
            [unit for path in units for unit in TextUnit.read(path, **_run(path))], values["target"]
        ),
        *selection_numbers(
            cells, values["twins"],
            [recall for path in validated for recall in RobustRecall.read(path, **_run(path))],
        ),
        *overfitting_numbers(found_cards, cells),
    ]  # fmt: skip
    write_numbers(numbers, found)


def shift_numbers(
    results: Sequence[Result],
    target: str,
    cells: Mapping[str, CellFacts],
    shifts: Mapping[str, ShiftFacts],
    parameters: StatisticsParameters,
    pairs: Mapping[str, Pair] = {},
    targets: Mapping[str, Target] | None = None,
    without: str | None = None,
) -> list[Number]:
    """Return recall on every shifted set, what each shift costs, and how `pairs` differ.

    `results` are those on clean sets (experiment `peft`) and on shifted ones (`robustness`). The clean set of a
    cell is the one that it is adapted to. A variant that `shifts` does not know is taken for a shift of images
    without a severity. `targets` are what claims say of numbers, by id; `without` is a cell that saw no attack.
    """
    homes = {cell: facts.dataset for cell, facts in cells.items()}
    numbers: list[Number] = []
    for group in by_split(results):
        dataset, split = group[0].record.dataset, group[0].record.split
        panel = Panel(group, parameters)
        for cell in cells_of(group):
            place = Place("-", cell, dataset, split, "-", "-")
            measured = panel.measure(cell)
            shifted = {key: seeds for key, seeds in measured.items() if key.experiment == "robustness"}
            numbers += quality(place, shifted, parameters.level)
            if dataset == homes.get(cell, target):
                numbers += degradation(place, dataset, measured, parameters.level, shifts)
        for pair in pairs.values() if dataset == target else ():
            place = Place("-", pair.adversarial, dataset, split, "-", "-")
            standard, adversarial = panel.measure(pair.standard), panel.measure(pair.adversarial)
            numbers += pair_numbers(place, dataset, standard, adversarial, parameters.level, shifts, targets)
        for cell in dict.fromkeys(pair.standard for pair in pairs.values()) if dataset == target else ():
            place, standard = Place("-", cell, dataset, split, "-", "-"), panel.measure(cell)
            numbers += beside_itself_numbers(place, dataset, standard, parameters.level, shifts)
            if without and without != cell:
                other = panel.measure(without)
                numbers += control_numbers(place, dataset, standard, other, parameters.level, shifts)
    return numbers


def attacked_numbers(results: Sequence[Result], parameters: StatisticsParameters) -> list[Number]:
    """Return recall and degradation under attack of every cell; resampled are the attacked queries."""
    numbers: list[Number] = []
    for group in by_split(results):
        panel = Panel(group, parameters)
        for cell in cells_of(group):
            place = Place("attack", cell, group[0].record.dataset, group[0].record.split, "-", "-")
            numbers += attack_numbers(place, panel.measure(cell), parameters.level)
    return numbers


def _run(path: Path) -> dict[str, str]:
    """Read cell and seed from the place of a file: .../cell/s0/..., the last folder that is named like a seed."""
    place = max(i for i, part in enumerate(path.parts) if part[0] == "s" and part[1:].isdigit())
    return {"cell": path.parts[place - 1], "seed": path.parts[place][1:]}


if __name__ == "__main__":
    run(main)
