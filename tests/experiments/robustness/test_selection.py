"""Which adversarially trained cell is chosen, from validation data."""

from typing import Any

import pytest

from crossmodal.experiments.robustness.overfitting import overfitting_numbers
from crossmodal.experiments.robustness.records import RobustRecall
from crossmodal.experiments.robustness.selection import Candidate, choose, selection_numbers
from crossmodal.statistics.card import AdapterCard, Overfitting, ValidationRecall
from crossmodal.statistics.records import CellFacts


def test_the_rule() -> None:
    kept = Candidate("kept", 0.9, 0.3, 0.95, 0.1)
    robust = Candidate("robust", 0.5, 0.6, 0.55, 0.4)
    middle = Candidate("middle", 0.8, 0.5, 0.90, 0.3)
    unknown = Candidate("unknown", 0.7, 0.55, None, None)
    useless = Candidate("useless", 0.9, 0.55, 1.0, 0.0)
    assert choose([kept, robust, middle, unknown, useless]) is middle, "the most robust that keeps and gains"
    assert choose([robust, unknown, useless]) is None, "none keeps 90 % and withstands more than its twin"
    assert choose([kept]) is kept
    same = Candidate("same", 0.81, 0.5, 0.99, 0.3)
    assert choose([middle, same]) is middle, "of equals the first"


def card(cell: str, seed: int, clean: float, **more: Any) -> AdapterCard:
    recall = ValidationRecall(
        text_to_image=clean, image_to_text=clean, robust_text_to_image=0.9, robust_image_to_text=0.9
    )
    return AdapterCard(
        cell=cell, seed=seed, trainable=10, total=100, validation=recall, source=f"{cell}-{seed}.json", **more
    )


def attacked(cell: str, seed: int, robust: float, clean: float = 0.5) -> RobustRecall:
    return RobustRecall(
        cell=cell, seed=seed, text_to_image=robust - 0.01, image_to_text=robust + 0.01,
        clean_text_to_image=clean, clean_image_to_text=clean, source=f"{cell}-{seed}-robust.json",
    )  # fmt: skip


CELLS = {
    "lora-r8": CellFacts(dataset="openmoji", method="lora"),
    "lora-r8-pgd": CellFacts(dataset="openmoji", method="lora", adversarial=True),
    "lora-r8-strong": CellFacts(dataset="openmoji", method="lora", adversarial=True),
    "full-pgd": CellFacts(dataset="openmoji", method="full", adversarial=True),
    "unseen": CellFacts(dataset="openmoji", method="full", adversarial=True),
}
TWINS = {"lora-r8-pgd": "lora-r8", "lora-r8-strong": "lora-r8", "full-pgd": None, "unseen": None}
RECALLS = [
    attacked("lora-r8", 0, 0.05, 0.5), attacked("lora-r8", 1, 0.05, 0.7),
    attacked("lora-r8-pgd", 0, 0.2, 0.5), attacked("lora-r8-pgd", 1, 0.3, 0.6),
    attacked("lora-r8-strong", 0, 0.5, 0.4), attacked("full-pgd", 0, 0.1, 0.5),
]  # fmt: skip


def test_numbers_compare_a_cell_with_its_twin_under_the_same_attack() -> None:
    numbers = {n.number_id: n for n in selection_numbers(CELLS, TWINS, RECALLS)}
    place = "peft/{}/{}/openmoji/val/clean/mean/{}"
    kept = numbers[place.format("lora-r8-pgd", "s*", "validation_unattacked_recall@1_kept")]
    assert kept.value == pytest.approx(0.55 / 0.6)
    assert {"lora-r8-1-robust.json", "lora-r8-pgd-0-robust.json"} <= set(kept.source.split(";"))
    gained = numbers[place.format("lora-r8-pgd", "s*", "validation_robust_gain_recall@1")]
    assert gained.value == pytest.approx(0.25 - 0.05)
    assert place.format("full-pgd", "s*", "validation_unattacked_recall@1_kept") not in numbers
    chosen = {n.cell: n.value for n in numbers.values() if n.metric == "adversarial_chosen"}
    assert chosen == {"lora-r8-pgd": 1.0, "lora-r8-strong": 0.0, "full-pgd": 0.0}
    frontier = {n.cell: n.value for n in numbers.values() if n.metric == "pareto_validation"}
    assert frontier == {"lora-r8-pgd": 1.0, "lora-r8-strong": 1.0, "full-pgd": 0.0}
    robust = {(n.cell, n.seed): n.value for n in numbers.values() if n.metric == "validation_robust_recall@1"}
    assert robust["lora-r8-pgd", "*"] == pytest.approx(0.25), "not what training itself measured"
    assert robust["lora-r8", "0"] == pytest.approx(0.05), "the twin is the reference"
    clean = numbers[place.format("lora-r8", "s0", "validation_unattacked_recall@1")]
    assert clean.value == pytest.approx(0.5) and clean.source == "lora-r8-0-robust.json"
    assert not [name for name in numbers if name.startswith("peft/unseen/")], (
        "never validated under the attack"
    )


def test_without_the_common_attack_nothing_is_chosen() -> None:
    assert selection_numbers(CELLS, TWINS, []) == []


def test_overfitting_is_told_for_the_cells_that_looked_for_it() -> None:
    overfitting = Overfitting(found=True, epoch=7, several_steps=0.01, one_step=0.6)
    cards = [card("lora-r8", 0, 0.5), card("full-pgd", 3, 0.5, overfitting=overfitting)]
    numbers = {n.number_id: n for n in overfitting_numbers(cards, CELLS)}
    place = "peft/full-pgd/s3/openmoji/val/clean/mean/"
    assert {name.removeprefix(place): n.value for name, n in numbers.items()} == {
        "catastrophic_overfitting": 1.0,
        "overfitting_recall@1_several-steps": 0.01,
        "overfitting_recall@1_one-step": 0.6,
    }
    assert numbers[place + "catastrophic_overfitting"].unit == "yes/no"
    assert overfitting_numbers(cards, {}) == []
