"""The crossed bootstrap over images and seeds: limit cases, and coverage of a known truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from crossmodal.statistics.bootstrap import Resampler, percentile_interval
from crossmodal.statistics.estimates import (
    ALL_SEEDS,
    Estimate,
    Place,
    aggregate,
    combine,
    difference,
    ratio,
    widened,
)
from crossmodal.statistics.seeds import freedom, seed_weights, widening

IMAGES, RESAMPLES, REPLICATES = 120, 400, 300
DRAWS = Resampler(IMAGES, RESAMPLES, 0)


def estimates(answers: np.ndarray, training: str) -> dict[str, Estimate]:
    """Return the estimates of one cell from its table of answers, [images, seeds]."""
    samples = DRAWS.means(answers.astype(float), np.ones(IMAGES))
    return {
        str(seed): Estimate(float(column.mean()), samples[:, seed], IMAGES, ("q",), 1, training)
        for seed, column in enumerate(answers.T)
    }


def interval(estimate: Estimate) -> tuple[float, float]:
    found = percentile_interval(widened(estimate, 0.95))
    assert found is not None
    return found


def drawn(rng: np.random.Generator, easy: np.ndarray, seeds: int, spread: float) -> np.ndarray:
    """Return answers [images, seeds]: image effect, seed effect and interaction on a probit scale, then 0 or 1."""
    effect, own = rng.normal(0, spread, seeds), rng.normal(0, 0.7, (IMAGES, seeds))
    return easy[:, None] + effect + own > 0.5


def truth(spread: float) -> float:
    """Return the expected share of answered queries over all images and seeds."""
    return float(stats.norm.cdf(-0.5 / np.sqrt(1 + spread**2 + 0.49)))


@settings(max_examples=40)
@given(st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_weights_give_the_variance_of_a_mean(seeds: int, seed: int) -> None:
    weights = seed_weights(f"{seed}/full", seeds, 20_000)
    values = np.random.default_rng(seed).normal(size=seeds)
    np.testing.assert_allclose(weights.sum(axis=1), 0, atol=1e-12)
    assert (weights @ values).var() == pytest.approx(values.var(ddof=1) / seeds, rel=0.08)


def test_draws_depend_on_the_name_of_the_training_alone() -> None:
    one = seed_weights("0/full", 3, 50).copy()
    seed_weights.cache_clear()
    seed_weights("0/lora", 3, 50)
    assert (seed_weights("0/full", 3, 50) == one).all()
    assert (seed_weights("0/lora", 3, 50) != one).all() and (seed_weights("1/full", 3, 50) != one).all()
    with pytest.raises(ValueError, match="read-only"):
        seed_weights("0/full", 3, 50)[:] = 0
    answers = drawn(np.random.default_rng(1), np.zeros(IMAGES), 3, 0.5)
    cell = estimates(answers, "full")
    turned = {seed: cell[seed] for seed in ("2", "0", "1")}
    assert (aggregate(turned)[ALL_SEEDS].samples == aggregate(cell)[ALL_SEEDS].samples).all()


def test_one_seed_and_equal_seeds_are_the_bootstrap_over_images() -> None:
    answers = drawn(np.random.default_rng(2), np.zeros(IMAGES), 1, 0.5)
    alone = estimates(answers, "full")
    total = aggregate(alone)[ALL_SEEDS]
    assert interval(total) == percentile_interval(alone["0"].samples) and total.seeds == 1
    equal = aggregate(estimates(np.repeat(answers, 3, axis=1), "full"))[ALL_SEEDS]
    np.testing.assert_allclose(widened(equal, 0.95), alone["0"].samples, atol=1e-12)
    assert equal.seeds == 3


def test_cells_stay_paired_over_images_and_are_apart_in_seeds() -> None:
    rng = np.random.default_rng(3)
    answers = np.repeat(drawn(rng, rng.normal(size=IMAGES), 1, 0.0), 3, axis=1)
    full, lora = estimates(answers, "full"), estimates(answers, "lora")
    apart, kept = combine(difference, lora, full)[ALL_SEEDS], combine(ratio, lora, full)[ALL_SEEDS]
    assert interval(apart) == pytest.approx((0, 0), abs=1e-12) and interval(kept) == pytest.approx((1, 1))
    varied = drawn(rng, rng.normal(size=IMAGES), 3, 0.5)
    full, lora = estimates(varied, "full"), estimates(varied, "lora")
    own = aggregate(full)[ALL_SEEDS]
    low, high = interval(combine(difference, lora, full)[ALL_SEEDS])
    assert low < 0 < high, "equal results of other trainings might have differed"
    assert interval(combine(difference, full, full)[ALL_SEEDS]) == (0, 0), "beside itself nothing differs"
    assert combine(ratio, lora, full)[ALL_SEEDS].seeds == own.seeds == 3
    assert combine(ratio, lora, {"0": full["0"]})[ALL_SEEDS].seeds == 1, "of the cell with the fewest"


def covered(seeds: int, spread: float, counted: slice = slice(None)) -> float:
    """Return how many intervals of made-up studies hold the truth; `counted` are the seeds that are used."""
    rng, hits = np.random.default_rng([seeds, round(100 * spread)]), 0
    for i in range(REPLICATES):
        answers = drawn(rng, rng.normal(size=IMAGES), seeds, spread)[:, counted]
        low, high = interval(aggregate(estimates(answers, f"{i}"))[ALL_SEEDS])
        hits += low <= truth(spread) <= high
    return hits / REPLICATES


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("spread", [0.0, 0.1, 0.2])
def test_intervals_cover_images_and_training(seeds: int, spread: float) -> None:
    """A spread of 0.2 moves recall by six points from seed to seed, more than these 120 images do."""
    assert 0.92 <= covered(seeds, spread) <= 0.99


def test_one_seed_covers_less_where_seeds_vary() -> None:
    """Why such intervals are called those of one seed."""
    assert covered(5, 0.2, slice(1)) < 0.85 < covered(5, 0.2)
    assert covered(5, 0.0, slice(1)) > 0.92


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("spread", [0.0, 0.2])
def test_cells_that_are_alike_are_seldom_told_apart(seeds: int, spread: float) -> None:
    rng, told = np.random.default_rng([7, seeds, round(100 * spread)]), 0
    for i in range(REPLICATES):
        easy = rng.normal(size=IMAGES)
        full, lora = (estimates(drawn(rng, easy, seeds, spread), f"{i}/{name}") for name in ("full", "lora"))
        low, high = interval(combine(difference, lora, full)[ALL_SEEDS])
        told += not low <= 0 <= high
    assert told / REPLICATES <= 0.05


def test_student_stands_in_for_the_normal_quantile() -> None:
    rng = np.random.default_rng(4)
    samples = rng.normal(size=5000)
    still = samples / 2
    assert freedom(samples, still, 3) == pytest.approx(2 / 0.75**2)
    assert widening(3.0) == pytest.approx(stats.t.ppf(0.975, 3) / stats.norm.ppf(0.975))
    for alike in (samples, 2 * samples, None):
        assert freedom(samples, alike, 3) == np.inf, "seeds make no difference"
    assert freedom(samples, still, 1) == freedom(samples, still, None) == np.inf
    assert freedom(np.full(9, np.nan), still[:9], 3) == freedom(np.ones(9), np.ones(9), 3) == np.inf
    assert widening(np.inf) == 1


def test_one_seed_beside_three_is_widened_as_three_are() -> None:
    """What little is known of how seeds differ comes from the side that has several."""
    rng = np.random.default_rng(3)
    easy = rng.normal(size=IMAGES)
    several, single = (
        estimates(drawn(rng, easy, seeds, 2.0), name) for seeds, name in ((3, "full"), (1, "pgd"))
    )
    mixed = combine(difference, several, single)[ALL_SEEDS]
    assert (mixed.seeds, mixed.drawn) == (1, 3)
    ratio_of_widths = np.ptp(interval(mixed)) / np.ptp(np.percentile(mixed.samples, [2.5, 97.5]))
    expected = widening(freedom(mixed.samples, mixed.still, 3))
    assert ratio_of_widths == pytest.approx(expected, rel=0.01) and expected > 1.02


def test_the_interval_of_a_share_stays_one() -> None:
    answers = np.zeros((IMAGES, 2), dtype=bool)
    answers[:90, 0] = True
    total = aggregate(estimates(answers, "full"))[ALL_SEEDS]
    place = Place("peft", "full", "openmoji", "test", "clean", "mean")
    number = place.number(ALL_SEEDS, "recall@1", total, 0.95, "fraction")
    assert (number.ci_low, number.ci_high, number.n_seeds) == (0, 1, 2)
    free = place.number(ALL_SEEDS, "retention_recall@1", total, 0.95, "fraction")
    assert free.ci_low is not None and free.ci_low < 0
