"""Numbers of the checks for masked gradients."""

import json
from pathlib import Path

import pytest

from crossmodal.errors import UserError
from crossmodal.experiments.robustness.records import SanityCheck
from crossmodal.experiments.robustness.sanity import sanity_numbers


def test_checks_for_masked_gradients(tmp_path: Path) -> None:
    path = tmp_path / "sanity.json"
    check = {
        "name": "text-one_step", "statement": "One step is no stronger than many.", "passed": False,
        "measured": {"recall@1, one step": 0.25, "loss, attack": 3.5},
    }  # fmt: skip
    path.write_text(json.dumps([check]))
    checks = SanityCheck.read(path, cell="full", seed=1)
    numbers = {n.number_id: n for n in sanity_numbers(checks)}
    place = "attack/full/s1/-/-/text-one_step/-/"
    assert {name.removeprefix(place): n.value for name, n in numbers.items()} == {
        "sanity_passed": 0.0, "sanity_recall@1_one-step": 0.25, "sanity_loss_attack": 3.5,
    }  # fmt: skip
    assert numbers[f"{place}sanity_passed"].source == str(path)
    path.write_text(json.dumps([check | {"passed": None}]))
    (unknown, *_) = sanity_numbers(SanityCheck.read(path, cell="full", seed=1))
    assert unknown.metric == "sanity_passed" and unknown.value is None
    path.write_text(json.dumps([{"name": "x"}]))
    with pytest.raises(UserError, match="SanityCheck record, key 'statement'"):
        SanityCheck.read(path, cell="full", seed=1)
