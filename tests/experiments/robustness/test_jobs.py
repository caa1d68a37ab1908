"""Which cells are attacked, on how many images, and which are validated under the common attack."""

import json
from pathlib import Path
from typing import Any

import pytest

from crossmodal.errors import UserError
from crossmodal.experiments.robustness.jobs import attacked_runs, validated_runs
from crossmodal.experiments.robustness.params import twins
from crossmodal.study.configuration import read_yaml
from crossmodal.study.specs import spec
from crossmodal.study.study import Study, load_study

ROOT = Path(__file__).resolve().parents[3]
DEFAULTS = read_yaml(ROOT / "params.yaml")
ADVERSARY = {"images": {"kind": "fgsm"}}
CELLS = {
    "plain": {"method": {"kind": "lora", "rank": 3}},
    "longer": {"method": {"kind": "lora", "rank": 3}, "training": {"epochs": 99}},
    "other-rank": {"method": {"kind": "lora", "rank": 5}},
    "strong": {"method": {"kind": "lora", "rank": 3}, "adversary": ADVERSARY, "seeds": [4, 5]},
    "elsewhere": {"method": {"kind": "lora", "rank": 3}, "adversary": ADVERSARY, "dataset": "fluent"},
}


def twins_of(study: Study) -> dict[str, str | None]:
    return twins(study.room("robustness"), study)


def study(**robustness: Any) -> Study:
    return load_study(DEFAULTS, {"adaptation": {"cells": CELLS}, "robustness": robustness})


def test_a_twin_is_alike_in_all_but_its_adversary() -> None:
    found = twins_of(study())
    assert found["strong"] == "plain" and found["elsewhere"] is None
    assert not {"plain", "longer", "other-rank"} & found.keys()
    # One that is trained otherwise is no better for standing first.
    cells = {name: CELLS[name] for name in ("longer", "plain", "strong")}
    assert twins_of(load_study(DEFAULTS, {"adaptation": {"cells": cells}}))["strong"] == "plain"
    pair = {"pairs": {"named": {"standard": "other-rank", "adversarial": "strong"}}, "cells": None}
    assert twins_of(study(**pair))["strong"] == "other-rank", "what it is compared with is what is said"


def test_cells_with_an_adversary_and_their_twins_are_attacked_on_validation_data() -> None:
    runs = list(validated_runs(study()))
    assert {("strong", 4), ("plain", 0), ("elsewhere", 0)} <= set(runs)
    assert ("strong", 5) not in runs, "the first seed of each"
    assert ("strong", 5) in list(validated_runs(study(attacks={"every_seed": True})))
    assert len(set(runs)) == len(runs), "a twin of several cells is validated once"
    assert not {"longer", "other-rank", "linear"} & {cell for cell, _ in runs}
    assert list(validated_runs(study(validation=None))) == []
    values = json.loads(spec(study(), "validate_attacks", cell="strong", seed="4"))
    assert (
        values["parameters"]["validation"]["max_images"] == DEFAULTS["robustness"]["validation"]["max_images"]
    )
    assert "crossmodal.attacks.pgd_texts" in values["code"], "of the attack that all meet"
    assert "crossmodal.attacks.fgsm" not in values["code"], "not of the one that it was trained against"


def test_few_images_for_cells_beside_the_headline() -> None:
    chosen = study(attacks={"cells": ["full"], "images": None, "few": {"cells": ["strong"], "images": 9}})
    assert list(attacked_runs(chosen)) == [("full", 0), ("strong", 4)]
    images = {
        cell: json.loads(spec(chosen, "evaluate_attacks", cell=cell, seed=seed))["parameters"]["threats"]
        for cell, seed in (("full", "0"), ("strong", "4"))
    }
    assert images["full"]["images"] is None and images["strong"]["images"] == 9
    assert images["full"] | {"images": 9} == images["strong"], "else they meet the same"
    assert not {"cells", "few", "every_seed"} & images["full"].keys()


@pytest.mark.parametrize(
    ("few", "problem"),
    [
        (
            {"cells": ["full"], "images": 9},
            "few.cells: 'full' stands in `cells` too; a cell is attacked once",
        ),
        (
            {"cells": ["strnog"], "images": 9},
            'robustness.attacks.few.cells: got "strnog", which is no cell of',
        ),
        ({"cells": ["elsewhere"], "images": 9}, "which is no cell of the target"),
        ({"cells": ["strong"], "images": 0}, "few.images: got 0; accepts greater than or equal to 1"),
    ],
)
def test_what_is_wrong_is_one_line(few: dict[str, Any], problem: str) -> None:
    with pytest.raises(UserError) as error:
        study(attacks={"cells": ["full"], "few": few})
    assert problem in str(error.value) and "\n" not in str(error.value)
