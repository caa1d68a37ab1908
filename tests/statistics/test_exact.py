"""The exact interval of a share, against binomial sums and a peer, and where numbers use it."""

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from crossmodal.statistics.estimates import Estimate, Place, difference, loss, mean
from crossmodal.statistics.exact import certain_interval, exact_interval

PLACE = Place("attack", "full", "openmoji", "test", "text-0.1", "text_to_image")


def at_least(successes: int, n: int, share: float) -> float:
    """Return the chance of as many successes or more, summed term by term."""
    return sum(comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(successes, n + 1))


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_its_ends_are_where_the_tails_have_half_of_what_is_left(trials: tuple[int, int]) -> None:
    successes, n = trials
    low, high = exact_interval(successes, n, 0.9)
    assert 0 <= low <= successes / n <= high <= 1
    assert low == 0 if successes == 0 else at_least(successes, n, low) == pytest.approx(0.05, rel=1e-6)
    assert (
        high == 1 if successes == n else 1 - at_least(successes + 1, n, high) == pytest.approx(0.05, rel=1e-6)
    )
    peer = binomtest(successes, n).proportion_ci(0.9, method="exact")
    assert (low, high) == pytest.approx((peer.low, peer.high), abs=1e-9)


def test_of_nothing_and_of_everything_it_has_a_closed_form() -> None:
    assert exact_interval(0, 30) == pytest.approx((0.0, 1 - 0.025 ** (1 / 30)))
    assert exact_interval(30, 30) == pytest.approx((0.025 ** (1 / 30), 1.0))
    assert exact_interval(0, 300)[1] < exact_interval(0, 30)[1]
    for wrong in ((0, 0), (-1, 5), (6, 5)):
        with pytest.raises(ValueError, match="trials"):
            exact_interval(*wrong)


def estimate(values: list[float], clusters: int = 40) -> Estimate:
    return Estimate(values[0], np.array(values), 200, ("q.parquet",), clusters=clusters)


def test_a_recall_that_no_resample_varies_has_it() -> None:
    none = PLACE.number("0", "recall@1", estimate([0.0] * 5), 0.95, "fraction")
    assert (none.ci_low, none.ci_high) == pytest.approx((0.0, 1 - 0.025 ** (1 / 40)))
    every = PLACE.number("0", "recall@1", estimate([1.0] * 5), 0.95, "fraction")
    assert (every.ci_low, every.ci_high) == pytest.approx((0.025 ** (1 / 40), 1.0))
    seeds = mean([estimate([0.0] * 5, 40), estimate([0.0] * 5, 30)])
    assert seeds.clusters == 30, "the fewer, where seeds were measured on more or fewer images"
    assert PLACE.number("*", "recall@1", seeds, 0.95, "fraction").ci_high == pytest.approx(
        1 - 0.025 ** (1 / 30)
    )


def test_what_varies_or_is_no_share_keeps_its_own() -> None:
    assert certain_interval(0.0, np.array([0.0, 0.1]), 40, 0.95) is None
    assert certain_interval(0.5, np.array([0.5, 0.5]), 40, 0.95) is None
    same = estimate([0.0] * 5)
    number = PLACE.number("0", "difference", difference(same, same), 0.95, "fraction")
    assert (number.ci_low, number.ci_high) == (0.0, 0.0), "a difference of nothing is no share of queries"
    lost = PLACE.number(
        "0", "degradation", loss(estimate([0.5, 0.4, 0.6]), estimate([0.0] * 3)), 0.95, "fraction"
    )
    assert (lost.ci_low, lost.ci_high) == (1.0, 1.0)
    assert mean([difference(same, same), same]).clusters == 0
