"""What a pair of twins could differ by without any difference between them, and the p-values of its claims."""

from pathlib import Path

import pytest

from crossmodal.errors import UserError
from crossmodal.experiments.robustness.claims import SAVED, claims
from crossmodal.experiments.robustness.numbers import shift_numbers
from crossmodal.experiments.robustness.params import Pair, Params
from crossmodal.experiments.robustness.records import ShiftFacts
from crossmodal.statistics.numbers import Number
from crossmodal.statistics.panel import Result
from crossmodal.statistics.records import CellFacts
from crossmodal.statistics.settings import StatisticsParameters
from crossmodal.statistics.targets import p_value_id, targets_of
from crossmodal.study.configuration import read_yaml
from crossmodal.study.study import load_study
from query_results import write_result

ROOT = Path(__file__).resolve().parents[3]

STATISTICS = StatisticsParameters(resamples=400, bootstrap_seed=5)
SHIFTS = {"noise-3": ShiftFacts(kind="noise", severity=3), "jpeg-3": ShiftFacts(kind="jpeg", severity=3)}
CELLS = {
    "full": CellFacts(dataset="openmoji", method="full"),
    "full-pgd": CellFacts(dataset="openmoji", method="full", adversarial=True),
}
ROOM = Params(pairs={"full": Pair(standard="full", adversarial="full-pgd")})
PLACE = "robustness/{}/s*/openmoji/test/shifts-mean/mean/{}"


def results(folder: Path, seeds: dict[str, int]) -> list[Result]:
    folder.mkdir(exist_ok=True)
    found = []
    for cell, count in seeds.items():
        for seed in range(count):
            found.append(write_result(folder, "peft", cell, seed, "openmoji", "clean", 0.8))
            for shift in SHIFTS:
                kept = 0.7 if cell == "full-pgd" else 0.4
                found.append(write_result(folder, "robustness", cell, seed, "openmoji", shift, kept))
    return found


def numbers(found: list[Result], room: Params = ROOM) -> dict[str, Number]:
    targets = targets_of(claims(room, "openmoji", CELLS))
    made = shift_numbers(found, "openmoji", CELLS, SHIFTS, STATISTICS, room.pairs, targets, room.without)
    return {number.number_id: number for number in made}


def test_the_plain_twin_beside_itself_says_what_could_have_been_seen(tmp_path: Path) -> None:
    found = numbers(results(tmp_path, {"full": 3, "full-pgd": 2}))
    aa = found[PLACE.format("full", "aa_difference_degradation_recall@1")]
    smallest = found[PLACE.format("full", "smallest_visible_degradation_recall@1")]
    assert aa.ci_low < 0 < aa.ci_high and aa.n_seeds == 3 and smallest.value > 0
    assert PLACE.format("full-pgd", "aa_difference_degradation_recall@1") not in found
    one = numbers(results(tmp_path / "one", {"full": 1, "full-pgd": 1}))
    assert not [name for name in one if "aa_" in name or "smallest" in name], "one seed has nothing beside it"


def test_a_claim_of_a_pair_has_a_p_value_that_is_small_where_it_is_wrong(tmp_path: Path) -> None:
    found = numbers(results(tmp_path, {"full": 2, "full-pgd": 2}))
    number = PLACE.format("full-pgd", SAVED)
    assert found[number].ci_low > 0 and found[p_value_id(number)].value == 1.0
    (claim,) = claims(ROOM, "openmoji", CELLS)
    assert claim.number == number and {claim.aa, claim.smallest} <= found.keys()
    assert found[p_value_id(number)].n_seeds == 2 and found[number].value == pytest.approx(0.375, abs=0.2)


def test_what_a_cell_saves_that_saw_no_attack_stands_beside_the_pair(tmp_path: Path) -> None:
    room = Params(pairs=ROOM.pairs, without="linear")
    found = numbers(results(tmp_path, {"full": 2, "full-pgd": 2, "linear": 1}), room)
    control = found[PLACE.format("full", "control_difference_degradation_recall@1")]
    lost = {cell: found[PLACE.format(cell, "degradation_recall@1")].value for cell in ("full", "linear")}
    assert control.value == pytest.approx(lost["full"] - lost["linear"]) and control.ci_low < control.ci_high
    (claim,) = claims(room, "openmoji", CELLS)
    assert claim.control == ("linear, trained on no attack, in its place", control.number_id)
    assert not [name for name in numbers(results(tmp_path / "none", {"full": 1})) if "control_" in name]
    (alone,) = claims(ROOM, "openmoji", CELLS)
    assert alone.control is None and alone.trained


def test_the_cell_without_is_one_that_saw_no_attack_and_is_shifted() -> None:
    defaults = read_yaml(ROOT / "params.yaml")
    assert load_study(defaults, {"robustness": {"without": "full"}})
    for cell in ("lora-r8-pgd", "bitfit"):
        with pytest.raises(UserError, match=r"robustness\.without: got"):
            load_study(defaults, {"robustness": {"without": cell}})


def test_every_number_follows_from_its_sources_alone(tmp_path: Path) -> None:
    """So that it can be derived again from what it names, and an audit of it reads all that it rests on."""
    made = results(tmp_path, {"full": 2, "full-pgd": 2})
    whole = numbers(made)
    assert {"recall@1", "difference_recall@1", "kinds"} <= {number.metric for number in whole.values()}
    for source in {number.source for number in whole.values()}:
        alone = numbers([result for result in made if str(result.record.path) in source.split(";")])
        for name, number in whole.items():
            if number.source == source:
                again = alone[name]
                assert (again.value, again.source) == (number.value, number.source), name
                assert (again.ci_low, again.ci_high) == pytest.approx((number.ci_low, number.ci_high)), name
