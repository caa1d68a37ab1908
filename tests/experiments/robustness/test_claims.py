"""The claims of H2: about which cells, and which attacks a note tells of."""

from typing import Any

import pytest

from crossmodal.experiments.robustness.claims import claims
from crossmodal.experiments.robustness.params import Params
from crossmodal.statistics.hypotheses import Hypothesis, rollup
from crossmodal.statistics.numbers import Number
from judged import judged, number

LOST = "robustness/{}/s*/openmoji/test/{}/{}/degradation_recall@1"
ATTACKED = "attack/lora-r8-pgd/s*/openmoji/test/{}/{}/degradation_recall@1"


def roles(**values: Any) -> Params:
    return Params.model_validate({"adversarial": "lora-r8-pgd", "standard": "full"} | values)


def found(numbers: list[Number], params: Params) -> dict[str, Hypothesis]:
    return judged(claims(params, "openmoji", {}), numbers)


def test_what_is_claimed() -> None:
    hypotheses = found([], roles())
    assert list(hypotheses) == ["H2.adversarial", "H2.standard"]
    assert {h.verdict for h in hypotheses.values()} == {"inconclusive"}
    assert all("Not measured" in h.note and not h.number_ids for h in hypotheses.values())
    words = "of its recall@1, mean over the kinds of rendered shifts (reported beside)"
    assert [(h.statement, h.relation, h.target) for h in hypotheses.values()] == [
        (f"lora-r8-pgd loses less than 5 % {words}", "<", 0.05),
        (f"full loses more than 15 % {words}", ">", 0.15),
    ]


TWINS = {"pairs": {"lora": {"standard": "lora-r8", "adversarial": "lora-r8-pgd"}}}
SAVED = "robustness/lora-r8-pgd/s*/openmoji/test/{}/{}/degradation_difference_recall@1"


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [((0.01, 0.09), "supported"), ((-0.02, 0.06), "inconclusive"), ((-0.2, 0.0), "refuted")],
)
def test_a_pair_is_judged_by_the_sign_of_its_difference(interval: tuple[float, float], verdict: str) -> None:
    numbers = [
        number(SAVED.format("shifts-mean", "mean"), sum(interval) / 2, *interval),
        number(SAVED.format("shifts-mean", "text_to_image"), 0.06, 0.0, 0.1),
        number(LOST.format("lora-r8", "shifts-mean", "mean"), 0.3, 0.2, 0.4),
        number("peft/lora-r8-pgd/s*/openmoji/val/clean/mean/validation_robust_recall@1", 0.2),
        number("peft/lora-r8/s*/openmoji/val/clean/mean/validation_robust_recall@1", 0.1),
    ]
    gained = number(
        "peft/lora-r8-pgd/s*/openmoji/val/clean/mean/validation_robust_gain_recall@1", 0.1, 0.1, 0.1
    )
    unknown = found(numbers, roles(**TWINS))["H2.lora"]
    assert unknown.verdict == "inconclusive"
    assert unknown.note.endswith(
        "Cannot be judged: what lora-r8-pgd withstands beyond lora-r8 on validation data is not measured."
    )
    numbers.append(gained)
    hypotheses = found(numbers, roles(**TWINS))
    pair = hypotheses["H2.lora"]
    assert (pair.verdict, pair.statement) == (
        verdict,
        "adversarial training lowers the loss of lora-r8 under shift",
    )
    assert (pair.relation, pair.target, pair.beside) == (">", 0.0, False)
    assert pair.note == (
        "text to image: 6.0 %; loss of lora-r8: 30.0 %; "
        "validation recall@1 under attack of lora-r8: 10.0 %; "
        "validation recall@1 under attack of lora-r8-pgd: 20.0 %"
    )
    assert rollup(hypotheses.values()) == {"H2": verdict}


def test_the_thresholds_are_reported_beside() -> None:
    numbers = [
        number(LOST.format("lora-r8-pgd", "shifts-mean", "mean"), 0.3, 0.2, 0.4),
        number(LOST.format("full", "shifts-mean", "mean"), 0.3, 0.2, 0.4),
    ]
    hypotheses = found(numbers, roles(**TWINS))
    assert {h.id: (h.verdict, h.beside) for h in hypotheses.values()} == {
        "H2.lora": ("inconclusive", False),
        "H2.adversarial": ("refuted", True),
        "H2.standard": ("supported", True),
    }  # fmt: skip
    assert rollup(hypotheses.values()) == rollup(found(numbers, roles()).values()) == {"H2": "inconclusive"}


def test_a_pair_cannot_have_the_name_of_a_threshold() -> None:
    with pytest.raises(ValueError, match="a pair cannot be named standard"):
        Params.model_validate({"pairs": {"standard": {"standard": "full", "adversarial": "full-pgd"}}})


@pytest.mark.parametrize("role, left", [("adversarial", ["H2.standard"]), ("standard", ["H2.adversarial"])])
def test_a_claim_about_nobody_is_left_out(role: str, left: list[str]) -> None:
    assert list(found([], roles(**{role: None}))) == left
    assert found([], Params()) == {}


def test_each_cell_has_its_own_bound() -> None:
    numbers = [
        number(LOST.format("lora-r8-pgd", "shifts-mean", "mean"), 0.03, 0.02, 0.04),
        number(LOST.format("full", "shifts-mean", "mean"), 0.3, 0.2, 0.4),
        number(LOST.format("full", "shifts-mean", "text_to_image"), 0.25, 0.2, 0.4),
        number(LOST.format("full", "shifts-mean", "image_to_text"), 0.35, 0.2, 0.4),
        number(LOST.format("full", "shifts-worst", "mean"), 0.6, 0.5, 0.7),
        number(LOST.format("full", "text-shifts-mean", "mean"), 0.1, 0.0, 0.2),
    ]
    hypotheses = found(numbers, roles())
    assert [h.verdict for h in hypotheses.values()] == ["supported", "supported"]
    assert hypotheses["H2.standard"].number_ids == [n.number_id for n in numbers[1:]]
    assert hypotheses["H2.standard"].note == (
        "text to image: 25.0 %; image to text: 35.0 %; worst kind of shift: 60.0 %; "
        "mean over shifts of texts: 10.0 %"
    )


def test_the_strongest_attack_of_each_threat_is_told(threat_models: dict[str, dict[str, Any]]) -> None:
    """The strongest by its radius and not by its name, in the direction of the queries that are attacked."""
    threats = {
        "text": threat_models["text"] | {"epsilons": [0.1, 0.2]},
        "gallery-image": threat_models["gallery-image"] | {"epsilons": ["10/255", "9/255"]},
        "query-image": threat_models["query-image"] | {"epsilons": ["4/255"]},
    }
    attacks = [
        number(ATTACKED.format(variant, direction), value, value, value)
        for variant, direction, value in (
            ("text-0.1", "text_to_image", 0.3),
            ("text-0.2", "text_to_image", 0.5),
            ("gallery-image-10of255", "text_to_image", 0.7),
            ("gallery-image-9of255", "text_to_image", 0.6),
            ("query-image-4of255", "image_to_text", 0.2),
        )
    ]
    params = roles(attacks={"threats": threats, "cells": ["lora-r8-pgd"]})
    hypothesis = found(attacks, params)["H2.adversarial"]
    assert hypothesis.note.startswith(
        "under attack (gallery-image-10of255): 70.0 %; under attack (query-image-4of255): 20.0 %; "
        "under attack (text-0.2): 50.0 %. "
    )
    assert hypothesis.number_ids == [attacks[place].number_id for place in (2, 4, 1)]
    assert "attack" not in found(attacks, params)["H2.standard"].note, "`full` was not attacked"
    assert "attack" not in found(attacks, roles())["H2.adversarial"].note, "no threats, no attacks"
