"""Accuracy decides, then cross-entropy, then who came first."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.classifiers.choosing import best, quality

LABELS = torch.tensor([0, 1, 1])
SURE = torch.tensor([[9.0, 0.0], [0.0, 9.0], [0.0, 9.0]])


def test_the_order_of_choice() -> None:
    wrong = torch.tensor([[9.0, 0.0], [0.0, 99.0], [0.1, 0.0]])
    found = {"wrong": wrong, "unsure": SURE / 9, "sure": SURE, "sure again": SURE.clone()}
    assert best(list(found), found.get, LABELS) == "sure"
    assert best(["wrong", "unsure"], found.get, LABELS) == "unsure"
    assert best(["sure again", "sure"], found.get, LABELS) == "sure again"
    assert quality(SURE, LABELS) > quality(SURE / 9, LABELS) > quality(wrong, LABELS)
    assert quality(wrong, LABELS).correct == 2


@given(st.lists(st.integers(0, 200), min_size=1, max_size=6))
def test_it_is_the_best_quality_of_all(seeds: list[int]) -> None:
    logits = [torch.randn(3, 2, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    found = best(range(len(seeds)), logits.__getitem__, LABELS)
    assert found == max(range(len(seeds)), key=lambda i: (quality(logits[i], LABELS), -i))
