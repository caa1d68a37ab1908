"""Degradation by severity, by modality, of cells with a target of their own, and under attack."""

import json

import numpy as np
import pytest
from crossmodal.statistics.summary import summarise

from crossmodal.errors import UserError
from crossmodal.experiments.robustness.threat_names import split_variant
from crossmodal.statistics.records import CellFacts, SanityCheck, ShiftFacts
from crossmodal.statistics.settings import HypothesisParameters, SecondDomain, StatisticsParameters

STATISTICS = StatisticsParameters(resamples=200)
ROLES = HypothesisParameters(second=SecondDomain(dataset="fluent", peft="lora-f", reference="full-f"))
CELLS = {
    "full": CellFacts(dataset="openmoji", method="full"),
    "full-f": CellFacts(dataset="fluent", method="full"),
    "lora-f": CellFacts(dataset="fluent", method="lora"),
}
SHIFTS = {
    "noise-1": ShiftFacts(kind="corruption", severity=1),
    "fog-3": ShiftFacts(kind="corruption", severity=3),
    "noise-3": ShiftFacts(kind="corruption", severity=3),
    "low": ShiftFacts(kind="resolution"),
    "typos-3": ShiftFacts(kind="typos", severity=3, modality="texts"),
    "case": ShiftFacts(kind="letter_case", modality="texts"),
}


@pytest.fixture(scope="module")
def numbers(tmp_path_factory, result):
    folder = tmp_path_factory.mktemp("study")
    records = [result(folder, "peft", "zero-shot", 0, "fluent", "clean", 0.2)]
    for cell, home in (("full", 0.8), ("full-f", 0.6), ("lora-f", 0.5)):
        for dataset in ("openmoji", "fluent"):
            records.append(result(folder, "peft", cell, 0, dataset, "clean", home))
        for place, shift in enumerate(SHIFTS) if cell != "lora-f" else ():
            records.append(result(folder, "robustness", cell, 0, "openmoji", shift, 0.7 - 0.1 * place))
    found = summarise(records, "openmoji", STATISTICS, ROLES, cells=CELLS, shifts=SHIFTS)
    return {number.number_id: number for number in found}


def lost(numbers, variant, cell="full", dataset="openmoji", direction="mean"):
    return numbers[f"robustness/{cell}/s*/{dataset}/test/{variant}/{direction}/degradation_recall@1"]


def test_summaries_are_over_the_shifts_that_they_name(numbers):
    single = {shift: lost(numbers, shift).value for shift in SHIFTS}
    for name, over in (
        ("shifts-mean", ("noise-1", "fog-3", "noise-3", "low")),
        ("severity-1-mean", ("noise-1",)),
        ("severity-3-mean", ("fog-3", "noise-3")),
        ("text-shifts-mean", ("typos-3", "case")),
    ):
        assert lost(numbers, name).value == pytest.approx(np.mean([single[shift] for shift in over]))
        assert lost(numbers, name).ci_low < lost(numbers, name).value < lost(numbers, name).ci_high
    for name, over in (
        ("shifts-worst", ("noise-1", "fog-3", "noise-3", "low")),
        ("text-shifts-worst", ("typos-3", "case")),
    ):
        by_direction = lost(numbers, name, direction="text_to_image").value
        assert by_direction == max(lost(numbers, s, direction="text_to_image").value for s in over)


def test_a_cell_is_compared_with_the_clean_set_of_its_own_target(numbers):
    clean = {
        dataset: numbers[f"peft/full-f/s*/{dataset}/test/clean/text_to_image/recall@1"].value
        for dataset in ("openmoji", "fluent")
    }
    across = lost(numbers, "clean", "full-f", "openmoji", "text_to_image")
    assert across.value == pytest.approx((clean["fluent"] - clean["openmoji"]) / clean["fluent"])
    own = [name for name in numbers if name.startswith("robustness/full-f/") and "degradation" in name]
    assert {name.split("/")[5] for name in own} == {"clean"}  # rendered shifts are of the other dataset
    assert not any("robustness/full-f/s*/fluent/test/clean" in name for name in own)
    assert "robustness/full-f/s0/openmoji/test/noise-1/mean/degradation_recall@1" not in numbers
    assert "robustness/full-f/s0/openmoji/test/noise-1/text_to_image/recall@1" in numbers
    assert lost(numbers, "clean", "full", "fluent").value is not None


def test_retention_is_of_the_reference_with_the_same_target(numbers):
    place = "peft/{}/s*/fluent/test/clean/{}/{}"
    for direction in ("text_to_image", "image_to_text"):
        cell, reference, zero = (
            numbers[place.format(c, direction, "recall@1")].value for c in ("lora-f", "full-f", "zero-shot")
        )
        assert numbers[place.format("lora-f", direction, "retention_recall@1")].value == pytest.approx(
            cell / reference
        )
        gain = numbers[place.format("lora-f", direction, "normalised_gain_recall@1")].value
        assert gain == pytest.approx((cell - zero) / (reference - zero))
    assert place.format("full-f", "mean", "retention_recall@1") not in numbers
    mean = numbers["peft/full/s*/openmoji/test/clean/mean/recall@1"]
    parts = [
        numbers[f"peft/full/s*/openmoji/test/clean/{d}/recall@1"] for d in ("text_to_image", "image_to_text")
    ]
    assert mean.value == pytest.approx(np.mean([part.value for part in parts]))


def test_attacks_are_compared_with_the_same_queries_unattacked(tmp_path, result):
    records = [
        result(tmp_path, "attack", "full", seed, "openmoji", f"query-image-{epsilon}", rate, labels=range(10))
        for seed in (0, 1)
        for epsilon, rate in (("0", 0.9), ("4of255", 0.4), ("8of255", 0.1))
    ]
    records.append(
        result(tmp_path, "attack", "full", 0, "openmoji", "text-0.1", 0.4)
    )  # without its reference
    numbers = {n.number_id: n for n in summarise([], "openmoji", STATISTICS, ROLES, attacked=records)}
    place = "attack/full/s1/openmoji/test/query-image-{}/image_to_text/{}"
    clean, attacked = (numbers[place.format(e, "recall@1")] for e in ("0", "4of255"))
    found = numbers[place.format("4of255", "degradation_recall@1")]
    assert found.value == pytest.approx((clean.value - attacked.value) / clean.value)
    assert found.ci_low < found.value < found.ci_high and clean.n_queries == 10
    assert place.format("0", "degradation_recall@1") not in numbers
    assert "attack/full/s*/openmoji/test/query-image-8of255/image_to_text/degradation_recall@1" in numbers
    assert not any("text-0.1" in name and "degradation" in name for name in numbers)


def test_names_of_attacked_sets():
    assert split_variant("query-image-4of255") == ("query-image", 4 / 255)
    assert split_variant("gallery-image-l2-0.5") == ("gallery-image-l2", 0.5)
    assert split_variant("text-0") == ("text", 0.0)
    for wrong in ("text", "noise-three", "-4of255", "text-1of0", ""):
        with pytest.raises(UserError, match="expected a threat and its epsilon"):
            split_variant(wrong)


def test_checks_for_masked_gradients(tmp_path):
    path = tmp_path / "sanity.json"
    check = {
        "name": "text-one_step", "statement": "One step is no stronger than many.", "passed": False,
        "measured": {"recall@1, one step": 0.25, "loss, attack": 3.5},
    }  # fmt: skip
    path.write_text(json.dumps([check]))
    checks = SanityCheck.read(path, cell="full", seed=1)
    numbers = {n.number_id: n for n in summarise([], "openmoji", STATISTICS, ROLES, sanity=checks)}
    place = "attack/full/s1/-/-/text-one_step/-/"
    assert {name.removeprefix(place): n.value for name, n in numbers.items()} == {
        "sanity_passed": 0.0, "sanity_recall@1_one-step": 0.25, "sanity_loss_attack": 3.5,
    }  # fmt: skip
    assert numbers[f"{place}sanity_passed"].source == str(path)
    path.write_text(json.dumps([{"name": "x"}]))
    with pytest.raises(UserError, match="SanityCheck record, key 'statement'"):
        SanityCheck.read(path, cell="full", seed=1)
