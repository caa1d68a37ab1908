"""Which adversarially trained cell is chosen, from validation data."""

import pytest

from crossmodal.experiments.robustness.selection import Candidate, choose, selection_numbers
from crossmodal.statistics.card import AdapterCard, ValidationRecall
from crossmodal.statistics.records import CellFacts


def test_the_rule() -> None:
    kept = Candidate("kept", 0.9, 0.3, 0.95)
    robust = Candidate("robust", 0.5, 0.6, 0.55)
    middle = Candidate("middle", 0.8, 0.5, 0.91)
    dominated = Candidate("dominated", 0.79, 0.5, 0.99)
    unknown = Candidate("unknown", 0.7, 0.55, None)
    assert choose([kept, robust, middle, dominated, unknown]) is middle
    assert choose([robust, unknown]) is unknown  # none is known to keep 90 %: the highest clean recall
    assert choose([kept]) is kept


def card(cell: str, seed: int, clean: float, robust: float | None = None, trainable: int = 10) -> AdapterCard:
    recall = {"text_to_image": clean, "image_to_text": clean}
    if robust is not None:
        recall |= {"robust_text_to_image": robust, "robust_image_to_text": robust}
    return AdapterCard(
        cell=cell, seed=seed, trainable=trainable, total=100, validation=ValidationRecall(**recall),
        source=f"{cell}-{seed}.json",
    )  # fmt: skip


CELLS = {
    "lora-r8": CellFacts(dataset="openmoji", method="lora"),
    "lora-r4": CellFacts(dataset="openmoji", method="lora"),
    "lora-r8-pgd": CellFacts(dataset="openmoji", method="lora", adversarial=True),
    "lora-r8-strong": CellFacts(dataset="openmoji", method="lora", adversarial=True),
    "full-pgd": CellFacts(dataset="openmoji", method="full", adversarial=True),
    "old": CellFacts(dataset="openmoji", method="full", adversarial=True),
}


def test_numbers_compare_a_cell_with_its_own_method() -> None:
    cards = [
        card("lora-r4", 0, 0.1, trainable=5),
        card("lora-r8", 0, 0.5), card("lora-r8", 1, 0.7),
        card("lora-r8-pgd", 0, 0.5, 0.2), card("lora-r8-pgd", 1, 0.6, 0.3),
        card("lora-r8-strong", 0, 0.4, 0.5),
        card("full-pgd", 0, 0.5, 0.1, trainable=100),
        AdapterCard(cell="old", seed=0, trainable=100, total=100),
    ]  # fmt: skip
    numbers = {n.number_id: n for n in selection_numbers(cards, CELLS)}
    place = "peft/{}/{}/openmoji/val/clean/mean/{}"
    kept = numbers[place.format("lora-r8-pgd", "s*", "validation_recall@1_kept")]
    assert kept.value == pytest.approx(0.55 / 0.6)  # beside lora-r8, not lora-r4
    assert set(kept.source.split(";")) == {
        "lora-r8-0.json", "lora-r8-1.json", "lora-r8-pgd-0.json", "lora-r8-pgd-1.json", "lora-r8-strong-0.json",
        "full-pgd-0.json",
    }, "the choice is among all of them, and each is compared with its own method"  # fmt: skip
    assert place.format("full-pgd", "s*", "validation_recall@1_kept") not in numbers
    chosen = {n.cell: n.value for n in numbers.values() if n.metric == "adversarial_chosen"}
    assert chosen == {"lora-r8-pgd": 1.0, "lora-r8-strong": 0.0, "full-pgd": 0.0}
    frontier = {n.cell: n.value for n in numbers.values() if n.metric == "pareto_validation"}
    assert frontier == {"lora-r8-pgd": 1.0, "lora-r8-strong": 1.0, "full-pgd": 0.0}
    assert not [name for name in numbers if name.startswith("peft/old/")]


def test_old_cards_and_unknown_cells_give_nothing() -> None:
    old = [AdapterCard(cell="lora-r8-pgd", seed=0, trainable=10, total=100)]
    assert selection_numbers(old, CELLS) == []
    assert selection_numbers([card("lora-r8", 0, 0.5)], {}) == []
