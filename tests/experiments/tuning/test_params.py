"""What tuning may be told: an equal grid, families that decide for cells, and what they must not be."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.errors import UserError
from crossmodal.experiments.tuning.params import LearningRates, Params, decided
from crossmodal.study import grid
from crossmodal.study.configuration import read_yaml
from crossmodal.study.specs import spec
from crossmodal.study.study import Study, load_study

DEFAULTS = read_yaml(Path("params.yaml"))
FAMILIES = {
    "full": {"cells": ["full", "full-pgd"]},
    "lora": {"cells": ["lora-r4", "lora-r8"], "cell": "lora-r8"},
}
RATES = {"low": 1e-3, "high": 1e-2, "points": 2}


def study(**changes: object) -> Study:
    return load_study(DEFAULTS, {"tuning": {"families": FAMILIES, "learning_rates": RATES} | changes})


def test_the_default_grid_is_nine_rates_by_the_root_of_ten() -> None:
    assert list(LearningRates().grid()) == [
        "1.0e-05", "3.2e-05", "1.0e-04", "3.2e-04", "1.0e-03", "3.2e-03", "1.0e-02", "3.2e-02", "1.0e-01",
    ]  # fmt: skip


@given(st.floats(1e-8, 1e-2), st.floats(2, 1e6), st.integers(2, 9))
def test_a_grid_is_logarithmic_and_a_rate_is_what_its_name_says(low: float, span: float, points: int) -> None:
    try:
        rates = LearningRates(low=low, high=low * span, points=points).grid()
    except ValueError as error:
        assert "not told apart" in str(error)
        return
    assert len(rates) == points and all(float(name) == rate for name, rate in rates.items())
    factor = span ** (1 / (points - 1))
    for first, second in pairwise(rates.values()):
        assert second / first == pytest.approx(
            factor, rel=0.11
        )  # two digits: half a unit of 1.0 on either side
    assert list(rates.values())[-1] == pytest.approx(low * span, rel=0.05)


@pytest.mark.parametrize(
    ("tuning", "message"),
    [
        ({"families": {"a": {"cells": ["full"]}, "b": {"cells": ["full"]}}}, "two of them decide for cell full"),
        ({"families": {"a": {"cells": ["ful"]}}}, 'families.a.cells: got "ful", which is no cell; did you mean'),
        (
            {"families": {"a": {"cells": ["full"], "cell": "lora-r8"}}},
            "tuning.families.a.cell: got \"lora-r8\", which is no cell that it decides for",
        ),
        (
            {"families": {"a": {"cells": ["full-pgd"]}}},
            'tuning.families.a.cell: got "full-pgd", which is no cell that is trained without an adversary',
        ),
        (
            {"families": {"a": {"cells": ["zero-shot"]}}},
            'got "zero-shot", which is no cell that is trained without an adversary',
        ),
        ({"families": {"a": {"cells": []}}}, "tuning.families.a.cells: got 0 of them; accepts at least 1"),
        ({"seeds": [0]}, "tuning.seeds: got 1 of them; accepts at least 2"),
        ({"seeds": [1, 1]}, "seeds [1, 1] has one twice"),
        ({"learning_rates": {"low": 0.1, "high": 0.01}}, "low 0.1 is not below high 0.01"),
        ({"learning_rates": {"low": 0.1, "high": 0.11}}, "9 points from 0.1 to 0.11 are not told apart"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_one_line(tuning: dict, message: str) -> None:
    with pytest.raises(UserError) as error:
        load_study(DEFAULTS, {"tuning": tuning})
    assert message in str(error.value) and "\n" not in str(error.value)


def test_every_family_is_trained_at_every_rate_with_every_seed() -> None:
    found = [wildcards for rule, wildcards in grid.jobs(study()) if rule == "tune_model"]
    assert found == [
        {"family": family, "rate": rate, "seed": seed}
        for family in ("full", "lora")
        for rate in ("1.0e-03", "1.0e-02")
        for seed in ("0", "1")
    ]


def test_a_run_is_that_of_its_cell_with_another_rate_whatever_the_cell_s_own_is() -> None:
    run = {"family": "lora", "rate": "1.0e-03", "seed": "1"}
    content = json.loads(spec(study(), "tune_model", **run))
    cell = json.loads(spec(study(), "adapt_model", cell="lora-r8", seed="1"))
    assert content["parameters"]["method"] == cell["parameters"]["method"]
    assert content["parameters"]["training"] == cell["parameters"]["training"] | {"learning_rate": 1e-3}
    assert content["parameters"]["dataset"] == "openmoji" and content["seed"] == 1
    settled = {"adaptation": {"cells": {"lora-r8": {"training": {"learning_rate": 1e-3}}}}}
    room = {"tuning": {"families": FAMILIES, "learning_rates": RATES}}
    assert spec(load_study(DEFAULTS, settled | room), "tune_model", **run) == spec(
        study(), "tune_model", **run
    )
    short = json.loads(spec(study(epochs=3), "tune_model", **run))["parameters"]["training"]
    assert short == content["parameters"]["training"] | {"epochs": 3}


def test_each_cell_of_a_family_is_decided_by_the_family_s_number() -> None:
    params = Params.model_validate({"families": FAMILIES})
    chosen = "tuning/{}/s*/openmoji/val/chosen/-/learning_rate"
    assert decided(params, study()) == {
        "full": chosen.format("full"), "full-pgd": chosen.format("full"),
        "lora-r4": chosen.format("lora"), "lora-r8": chosen.format("lora"),
    }  # fmt: skip
