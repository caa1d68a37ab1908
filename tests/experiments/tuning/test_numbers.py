"""The choice and its numbers: the highest mean over seeds, the lower rate of equal ones, edges told."""

import json
import statistics
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.experiments.tuning.choice import choose
from crossmodal.experiments.tuning.numbers import main, tuning_numbers
from crossmodal.experiments.tuning.records import TuningRecord
from crossmodal.statistics.numbers import read_numbers, validate
from tuning_runs import tuning_records

RATES = ["1.0e-04", "1.0e-03", "1.0e-02", "1.0e-01"]
SCORES = {
    "1.0e-04": (0.30, 0.32),
    "1.0e-03": (0.40, 0.46),
    "1.0e-02": (0.44, 0.41),
    "1.0e-01": (0.99, None),  # the seed that did not diverge decides nothing
}
PLACE = "tuning/lora/{}/openmoji/val/{}/{}"


def found(scores: dict = SCORES) -> dict:
    numbers = tuning_numbers(tuning_records(scores))
    validate(numbers)
    return {number.number_id: number for number in numbers}


@given(
    st.lists(
        st.lists(st.sampled_from([None, 0.0, 0.25, 0.5]), min_size=2, max_size=2), min_size=4, max_size=4
    )
)
def test_the_choice_is_that_of_a_slow_obvious_one(values: list[list[float | None]]) -> None:
    best, second = None, None
    for place, own in enumerate(values):  # from the lowest rate
        if None in own:
            continue
        mean = sum(own) / len(own)
        if best is None or mean > best[0]:
            best, second = (mean, place), best
        elif second is None or mean > second[0]:
            second = (mean, place)
    choice = choose({rate: dict(enumerate(own)) for rate, own in zip(RATES, values, strict=True)})
    if best is None:
        assert choice is None
        return
    assert choice.rate == RATES[best[1]] and choice.at_edge == (best[1] in (0, 3))
    assert (choice.runner_up is None) == (second is None)
    if second is not None:
        runner_up = values[RATES.index(choice.runner_up)]
        assert sum(runner_up) / len(runner_up) == second[0]


def test_the_chosen_rate_is_a_number_with_its_lead_over_seeds() -> None:
    numbers = found()
    assert numbers[PLACE.format("s*", "chosen", "-/learning_rate")].value == 1e-3
    assert numbers[PLACE.format("s*", "chosen", "-/chosen_at_edge")].value == 0
    lead, deviation = (
        numbers[PLACE.format("s*", "chosen", f"mean/lead_validation_mrr{end}")].value for end in ("", "_std")
    )
    assert lead == pytest.approx((-0.04 + 0.05) / 2)
    assert deviation == pytest.approx(statistics.stdev([-0.04, 0.05]))
    assert [numbers[PLACE.format("s*", rate, "-/chosen")].value for rate in RATES] == [0, 1, 0, 0]
    assert {n.cell for n in numbers.values()} == {"lora"} and {n.split for n in numbers.values()} == {"val"}


def test_each_rate_has_its_seeds_their_mean_and_their_deviation() -> None:
    numbers = found()
    for rate, values in list(SCORES.items())[:3]:
        mrr = PLACE.format("{}", rate, "mean/validation_mrr")
        assert [numbers[mrr.format(f"s{seed}")].value for seed in (0, 1)] == list(values)
        assert numbers[mrr.format("s*")].value == pytest.approx(sum(values) / 2)
        assert numbers[f"{mrr.format('s*')}_std"].value == pytest.approx(statistics.stdev(values))
        assert numbers[PLACE.format("s*", rate, "-/learning_rate")].value == float(rate)
        assert numbers[PLACE.format("s1", rate, "-/best_epoch")].value == 4
    source = "lora/1.0e-03/s0.json;lora/1.0e-03/s1.json"
    assert numbers[PLACE.format("s*", "1.0e-03", "mean/validation_mrr")].source == source


def test_a_rate_at_which_a_seed_diverged_has_no_mean_and_is_not_chosen() -> None:
    numbers = found()
    assert numbers[PLACE.format("s*", "1.0e-01", "mean/validation_mrr")].value is None
    assert numbers[PLACE.format("s*", "1.0e-01", "-/diverged")].value == 1
    assert numbers[PLACE.format("s0", "1.0e-01", "mean/validation_mrr")].value == 0.99
    assert numbers[PLACE.format("s*", "1.0e-02", "-/diverged")].value == 0
    none = found({rate: (None, None) for rate in RATES})
    assert none[PLACE.format("s*", "chosen", "-/learning_rate")].value is None
    assert none[PLACE.format("s*", "chosen", "-/chosen_at_edge")].value is None


@pytest.mark.parametrize("best", [0, 3])
def test_a_rate_at_an_edge_of_the_grid_is_told(best: int) -> None:
    numbers = found({rate: (0.5 if i == best else 0.4,) * 2 for i, rate in enumerate(RATES)})
    assert numbers[PLACE.format("s*", "chosen", "-/chosen_at_edge")].value == 1


def test_the_job_reads_records_in_any_order(tmp_path: Path) -> None:
    records = [*tuning_records(SCORES), *tuning_records({"1.0e-03": (0.2, 0.3)}, "full")]
    paths = []
    for place, record in enumerate(reversed(records)):
        paths.append(tmp_path / f"{place}.json")
        paths[-1].write_text(json.dumps(record.model_dump(mode="json")))
    assert TuningRecord.read(paths[0])[0] == records[-1]
    main(paths, tmp_path / "numbers.parquet", {"parameters": {}})
    numbers = {n.number_id: n.value for n in read_numbers(tmp_path / "numbers.parquet")}
    expected = {n.number_id: n.value for n in tuning_numbers(records)}
    assert numbers == pytest.approx(expected, nan_ok=True)
