"""A/A rows: a comparison of a reference with itself, and the smallest effect that it could have seen."""

import numpy as np
import pytest
from scipy import stats

from crossmodal.statistics.aa import aa_numbers, beside_itself, margin, smallest_visible, too_wide
from crossmodal.statistics.bootstrap import Resampler
from crossmodal.statistics.estimates import Estimate, Place, Seeds, difference, ratio, widened
from crossmodal.statistics.numbers import Number
from judged import number

IMAGES = 150
DRAWS = Resampler(IMAGES, 2000, 0)


def reference(shares: list[float], seed: int = 0, training: str = "0/full") -> Seeds:
    """Return estimates of seeds whose answers are drawn at these shares; equal shares have equal answers."""
    draws = np.random.default_rng(seed).random(IMAGES)
    answers = np.stack([draws < share for share in shares], axis=1).astype(float)
    samples = DRAWS.means(answers, np.ones(IMAGES))
    return {
        str(i): Estimate(float(answers[:, i].mean()), samples[:, i], IMAGES, (f"{i}",), 1, training)
        for i in range(len(shares))
    }


def place(direction: str) -> Place:
    return Place("peft", "full", "openmoji", "test", "clean", direction)


def test_equal_seeds_leave_nothing_to_see() -> None:
    seeds = {"text_to_image": reference([0.5, 0.5, 0.5]), "image_to_text": reference([0.4, 0.4, 0.4], 1)}
    found = {n.number_id: n for n in aa_numbers(place, "recall@1", seeds, 0.95)}
    for direction in (*seeds, "mean"):
        where = f"peft/full/s*/openmoji/test/clean/{direction}"
        kept = found[f"{where}/aa_retention_recall@1"]
        apart = found[f"{where}/aa_difference_recall@1"]
        assert (kept.value, kept.ci_low, kept.ci_high) == pytest.approx((1, 1, 1))
        assert (apart.value, apart.ci_low, apart.ci_high) == pytest.approx((0, 0, 0), abs=1e-12)
        assert found[f"{where}/smallest_visible_recall@1"].value == pytest.approx(0, abs=1e-9)
        assert kept.n_seeds == 3 and kept.n_queries == IMAGES
    assert len(found) == 9


def test_the_value_is_the_mean_over_each_seed_beside_the_others() -> None:
    seeds = reference([0.4, 0.5, 0.6])
    values = [estimate.value for estimate in seeds.values()]
    expected = [values[i] / np.mean([value for j, value in enumerate(values) if j != i]) for i in range(3)]
    found = beside_itself(ratio, seeds)
    assert found is not None and found.value == pytest.approx(np.mean(expected))
    assert found.sources == ("0", "1", "2")
    apart = beside_itself(difference, seeds)
    assert apart is not None and apart.value == pytest.approx(0, abs=1e-12)
    spread = np.std(values, ddof=1) * np.sqrt(2 / 3)
    assert apart.samples.std() == pytest.approx(spread, rel=0.05), (
        "that of two independent means of three seeds"
    )


def test_seeds_that_agree_by_chance_are_not_taken_for_equal() -> None:
    """Two seeds with the same recall that find different queries might have had different recalls."""
    answers = np.zeros((IMAGES, 2))
    answers[:75, 0] = answers[60:135, 1] = 1
    samples = DRAWS.means(answers, np.ones(IMAGES))
    seeds = {str(i): Estimate(0.5, samples[:, i], IMAGES, (), 1, "0/full") for i in range(2)}
    aa = beside_itself(difference, seeds)
    assert aa is not None and aa.value == aa.samples.std() == 0
    differ = (answers[:, 0] - answers[:, 1]).std()
    assert widened(aa, 0.95).std() == pytest.approx(differ / np.sqrt(2 * IMAGES), rel=0.1)
    assert smallest_visible(aa, 0.95) == pytest.approx(2.8 * differ / np.sqrt(2 * IMAGES), rel=0.1)


def test_one_seed_has_no_other() -> None:
    assert beside_itself(ratio, reference([0.5])) is None
    assert aa_numbers(place, "recall@1", {"text_to_image": reference([0.5])}, 0.95) == []


def test_the_smallest_effect_is_found_four_times_out_of_five() -> None:
    """For many seeds it is the textbook formula; for few, Student's quantiles."""
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 0.01, 20_000)
    aa = Estimate(0.0, samples, 100, (), 200, "")
    expected = (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * samples.std()
    assert smallest_visible(aa, 0.95) == pytest.approx(expected)
    effect = smallest_visible(aa, 0.95)
    assert effect is not None
    found = np.abs(rng.normal(effect, 0.01, 20_000)) > stats.norm.ppf(0.975) * 0.01
    assert found.mean() == pytest.approx(0.8, abs=0.02)
    few = Estimate(0.0, samples, 100, (), 3, "", np.zeros(20_000), drawn=3)
    student = (stats.t.ppf(0.975, 2) + stats.t.ppf(0.8, 2)) * samples.std()
    assert smallest_visible(few, 0.95) == pytest.approx(student)
    undefined = Estimate(1.0, np.where(samples > 0.02, np.nan, samples), 100, (), 3, "")
    assert smallest_visible(undefined, 0.95) is None


def test_a_room_may_compare_what_it_likes() -> None:
    """Degradations of one cell by seed: a difference alone, under the name of what is compared."""
    found = aa_numbers(
        place, "degradation_recall@1", {"mean": reference([0.2, 0.3, 0.25])}, 0.95, kinds=("aa_difference",)
    )
    assert [n.metric for n in found] == [
        "aa_difference_degradation_recall@1",
        "smallest_visible_degradation_recall@1",
    ]
    assert found[0].ci_low is not None and found[1].value is not None and found[1].value > found[0].ci_high


def named(metric: str, low: float | None, high: float | None) -> Number:
    return number(f"peft/full/s*/openmoji/test/clean/mean/{metric}", 1.0, low, high)


def test_the_margin_is_from_no_effect_to_the_target() -> None:
    kept, apart = named("aa_retention_recall@1", 0.94, 1.06), named("aa_difference_x", -0.04, 0.04)
    assert margin(kept, 0.95) == pytest.approx(0.05) and margin(apart, -0.05) == 0.05
    assert too_wide(kept, 0.95) and not too_wide(kept, 0.9)
    assert not too_wide(apart, -0.05) and too_wide(apart, 0.03)
    assert not too_wide(named("aa_retention_recall@1", None, None), 0.95)


def test_the_interval_is_that_of_the_same_claim_about_another_reference() -> None:
    """Over made-up references: the A/A interval holds what a second reference, trained anew, gives beside it."""
    rng, held = np.random.default_rng(11), 0
    for i in range(300):
        easy = rng.normal(size=IMAGES)
        answers = easy[:, None] + rng.normal(0, 0.15, 6) + rng.normal(0, 0.7, (IMAGES, 6)) > 0.3
        samples = DRAWS.means(answers.astype(float), np.ones(IMAGES))[:300]
        seeds = {
            str(s): Estimate(float(answers[:, s].mean()), samples[:, s], IMAGES, (), 1, f"{i}")
            for s in range(3)
        }
        aa = beside_itself(difference, seeds)
        assert aa is not None
        low, high = np.quantile(widened(aa, 0.95), [0.025, 0.975])
        held += low <= answers[:, 3:].mean() - answers[:, :3].mean() <= high
    assert 0.88 <= held / 300 <= 0.98
