"""The learning rates of cells are those that the search found, wherever its numbers are published."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from crossmodal.experiments.tuning.params import decided
from crossmodal.statistics.published import published_path, read_published
from crossmodal.study.configuration import read_yaml
from crossmodal.study.study import Study, load_study

PARAMS, OVERLAY = Path("params.yaml"), Path("studies/emoji-full.yaml")
DEFAULTS = read_yaml(PARAMS)


def other_rates(study: Study, numbers: Mapping[str, str], chosen: Mapping[str, float | None]) -> list[str]:
    """Return a line for each cell of `study` whose rate is not the chosen one that its number says."""
    rates = {name: cell.training.learning_rate for name, cell in study.adaptation.cells.items()}
    return [
        f"{cell} has {rates[cell]:g}, and {number} is {chosen.get(number)}"
        for cell, number in numbers.items()
        if cell in rates and rates[cell] != chosen.get(number)
    ]


def test_a_cell_with_another_rate_than_was_found_is_told() -> None:
    study, number = load_study(DEFAULTS, {}), "tuning/full/s*/openmoji/val/chosen/-/learning_rate"
    numbers = {"full": number, "no-cell-of-this-study": number}
    own = study.adaptation.cells["full"].training.learning_rate
    assert other_rates(study, numbers, {number: own}) == []
    assert other_rates(study, numbers, {number: 0.5}) == [f"full has {own:g}, and {number} is 0.5"]
    assert other_rates(study, numbers, {}) == [f"full has {own:g}, and {number} is None"]


def test_the_search_decides_for_cells_of_the_default_study() -> None:
    default, searching = load_study(DEFAULTS, {}), load_study(DEFAULTS, read_yaml(OVERLAY))
    assert default.rooms() == [room for room in searching.rooms() if room != "tuning"]
    numbers = decided(searching.room("tuning"), searching)
    assert set(numbers) & set(default.adaptation.cells)


@pytest.mark.skipif(not published_path("emoji-full").exists(), reason="emoji-full is not published yet")
def test_the_rates_of_the_default_study_are_those_that_were_found() -> None:
    default, searching = load_study(DEFAULTS, {}), load_study(DEFAULTS, read_yaml(OVERLAY))
    numbers = decided(searching.room("tuning"), searching)
    chosen = {name: number.value for name, number in read_published("emoji-full").items()}
    for study in (default, searching):
        assert other_rates(study, numbers, chosen) == []
    said = PARAMS.read_text()
    unsaid = {
        number for cell, number in numbers.items() if cell in default.adaptation.cells and number not in said
    }
    assert unsaid == set(), "params.yaml names in a comment the number that each of its rates comes from"
