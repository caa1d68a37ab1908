"""p-values of claims and Holm's correction, against slow obvious code and a known example."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.statistics.claims import Claim
from crossmodal.statistics.estimates import Estimate, Place, numbers_of
from crossmodal.statistics.targets import Target, holm, p_value_id, p_value_of_claim, targets_of


def slow_holm(p_values: list[float], alpha: float) -> set[int]:
    """Return the hypotheses that Holm's procedure rejects, step by step as in the paper."""
    left, rejected = list(range(len(p_values))), set()
    while left:
        best = min(left, key=lambda i: p_values[i])
        if p_values[best] > alpha / len(left):
            return rejected
        rejected.add(best)
        left.remove(best)
    return rejected


@given(st.lists(st.floats(0, 1), max_size=7), st.sampled_from([0.025, 0.05, 0.3]))
def test_holm_rejects_what_the_procedure_rejects(p_values: list[float], alpha: float) -> None:
    adjusted = holm(p_values)
    rejected = {i for i, p in enumerate(adjusted) if p <= alpha}
    close = {i for i, p in enumerate(adjusted) if abs(p - alpha) < 1e-12}
    assert rejected - close == slow_holm(p_values, alpha) - close
    assert all(p >= own for p, own in zip(adjusted, p_values, strict=True))


def test_a_known_example() -> None:
    """R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.025]) == [0.025] and holm([]) == []


def test_the_p_value_is_the_share_beyond_the_target() -> None:
    samples = np.array([0.90, 0.94, 0.95, 0.96, np.nan])
    assert p_value_of_claim(samples, Target(">", 0.95)) == pytest.approx(3 / 6)
    assert p_value_of_claim(samples, Target("<", 0.95)) == pytest.approx(4 / 6)
    assert p_value_of_claim(np.zeros(999), Target(">", 0.95)) == 0.001


def test_numbers_that_claims_are_about_have_a_p_value_beside_them() -> None:
    place = Place("peft", "lora", "openmoji", "test", "clean", "mean")
    name = "peft/lora/s*/openmoji/test/clean/mean/retention_recall@1"
    claim = Claim("H1.recall@1", "kept", name, ">", 0.95, instead=("other/id", "why"))
    targets = targets_of([claim])
    assert targets == {name: Target(">", 0.95), "other/id": Target(">", 0.95)}
    kept = Estimate(0.9, np.linspace(0.8, 1.0, 1001), 10, ("a",), 1)
    seeds = {"0": kept, "*": kept}
    found = {n.number_id: n for n in numbers_of(place, "retention_recall@1", seeds, 0.95, targets=targets)}
    stated = found[p_value_id(name)]
    assert stated.value == pytest.approx(0.25, abs=0.005) and (stated.unit, stated.n_seeds) == ("p", 1)
    assert len([n for n in found if "p_claim" in n]) == 1, "single seeds are judged by no claim"
