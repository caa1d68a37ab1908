"""The learning rates of cells are those that the search found, wherever its numbers are published."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from crossmodal.experiments.tuning.params import decided
from crossmodal.statistics.published import published_path, read_published
from crossmodal.study.configuration import read_yaml
from crossmodal.study.study import Study, load_study

PARAMS, OVERLAY = Path("params.yaml"), Path("studies/emoji-full.yaml")
DEFAULTS = read_yaml(PARAMS)


class Said(NamedTuple):
    """A rate in params.yaml, with the number that a comment behind it says it comes from."""

    cell: str
    """Empty for the rate that every cell starts from."""
    rate: float
    number: str


def studies() -> tuple[Study, Study]:
    return load_study(DEFAULTS, {}), load_study(DEFAULTS, read_yaml(OVERLAY))


def other_rates(study: Study, numbers: Mapping[str, str], chosen: Mapping[str, float | None]) -> list[str]:
    """Return a line for each cell of `study` whose rate is not the chosen one that its number says."""
    rates = {name: cell.training.learning_rate for name, cell in study.adaptation.cells.items()}
    return [
        f"{cell} has {rates[cell]:g}, and {number} is {chosen.get(number)}"
        for cell, number in numbers.items()
        if cell in rates and rates[cell] != chosen.get(number)
    ]


def said(text: str) -> Iterator[Said]:
    """Yield the rates of params.yaml that have a comment which names a number."""
    cell = ""
    for line in text.partition("\nadaptation:\n")[2].splitlines():
        if named := re.match(r"    ([\w-]+):$", line):
            cell = named[1]
        if rate := re.search(r"learning_rate: ([\d.e-]+)\}? +# (tuning/\S+)", line):
            yield Said(cell, float(rate[1]), rate[2])


def wrongly_said(text: str, study: Study, numbers: Mapping[str, str]) -> list[str]:
    """Return a line for each rate whose comment names the number of another cell, or that the cell has not."""
    cells = study.adaptation.cells
    lines = []
    for cell, rate, number in said(text):
        # What every cell starts from is full fine-tuning's.
        cell = cell or "full"
        if numbers.get(cell) != number:
            lines.append(f"{cell}: its rate is not {number}'s, but {numbers.get(cell)}'s")
        if cells[cell].training.learning_rate != rate:
            lines.append(f"{cell}: {rate:g} stands beside it, and it is trained with another rate")
    return lines


def test_a_cell_with_another_rate_than_was_found_is_told() -> None:
    study, number = load_study(DEFAULTS, {}), "tuning/full/s*/openmoji/val/chosen/-/learning_rate"
    numbers = {"full": number, "no-cell-of-this-study": number}
    own = study.adaptation.cells["full"].training.learning_rate
    assert other_rates(study, numbers, {number: own}) == []
    assert other_rates(study, numbers, {number: 0.5}) == [f"full has {own:g}, and {number} is 0.5"]
    assert other_rates(study, numbers, {}) == [f"full has {own:g}, and {number} is None"]


def test_each_rate_stands_beside_the_number_of_its_own_family() -> None:
    default, searching = studies()
    numbers, text = decided(searching.room("tuning"), searching), PARAMS.read_text()
    assert wrongly_said(text, default, numbers) == []
    named = {number for _, _, number in said(text)}
    assert named == {numbers[cell] for cell in default.adaptation.cells if cell in numbers}
    linear, bitfit = numbers["linear"], numbers["bitfit"]
    swapped = text.replace(linear, "?").replace(bitfit, linear).replace("?", bitfit)
    assert [line.partition(":")[0] for line in wrongly_said(swapped, default, numbers)] == [
        "linear",
        "bitfit",
    ]
    dearer = re.sub(r"3\.2e-4(\} +# tuning/linear)", r"3.2e-3\1", text)
    assert wrongly_said(dearer, default, numbers) == [
        "linear: 0.0032 stands beside it, and it is trained with another rate"
    ]


def test_every_cell_that_is_trained_is_decided_on_as_it_is_trained() -> None:
    """By the search of its family, whose first cell is trained as in the default study but for the rate."""
    default, searching = studies()
    elsewhere = ("zero_shot", "encoders", "continual", "few_shot")  # studies of their own have them in full
    asked = [room for room in default.rooms() if room not in elsewhere]
    assert asked == [room for room in searching.rooms() if room != "tuning"]
    room = searching.room("tuning")
    assert room.epochs is None, "the schedule spans the epochs, so another number of them is another training"
    numbers = decided(room, searching)
    for study in (default, searching):
        trained = {name for name, cell in study.adaptation.cells.items() if cell.method.kind != "zero_shot"}
        assert trained <= numbers.keys(), "each is of a family"
    for name, family in room.families.items():
        first = family.representative
        ours, theirs = default.adaptation.cells.get(first), searching.adaptation.cells[first]
        if ours is not None:
            assert ours == theirs, name
        rates = {searching.adaptation.cells[cell].training.learning_rate for cell in family.cells}
        assert len(rates) == 1, f"{name}: one rate for all of its cells"
        kinds = {searching.adaptation.cells[cell].method.kind for cell in family.cells}
        assert len(kinds) == 1 or name.startswith("prompts"), f"{name}: one kind of method"


@pytest.mark.skipif(not published_path("emoji-full").exists(), reason="emoji-full is not published yet")
def test_the_rates_of_the_default_study_are_those_that_were_found() -> None:
    default, searching = studies()
    numbers = decided(searching.room("tuning"), searching)
    published = read_published("emoji-full")
    chosen = {name: number.value for name, number in published.items()}
    for study in (default, searching):
        assert other_rates(study, numbers, chosen) == []
    compared = {number.variant for number in published.values() if number.metric == "chosen"}
    assert compared == searching.room("tuning").learning_rates.grid().keys(), (
        "what was searched is what studies/emoji-full.yaml says"
    )


@pytest.mark.parametrize(
    ("room", "chosen_in"), [("few_shot", "few-shot-rates"), ("continual", "continual-rates")]
)
def test_no_study_judges_the_draws_that_rates_are_chosen_on(room: str, chosen_in: str) -> None:
    def drawn(overlay: Path | None) -> set[int]:
        found = load_study(DEFAULTS, read_yaml(overlay) if overlay else {}).room(room)
        if found is None:
            return set()
        if room == "few_shot":
            return set(found.draws)
        return {order for cell in found.cells for order in found.orders_of(cell)}

    own = Path(f"studies/{chosen_in}.yaml")
    searched = drawn(own)
    assert searched
    for overlay in [None, *sorted(Path("studies").glob("*.yaml"))]:
        if overlay != own:
            assert not drawn(overlay) & searched, overlay
