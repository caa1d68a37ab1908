"""The matrix product against a loop over resamples, and what an interval has to be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal.statistics.bootstrap import Resampler, p_value, percentile_interval


@settings(max_examples=40)
@given(st.integers(1, 40), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_means_equal_a_loop(clusters, columns, seed):
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 6, size=(clusters, columns)).astype(float)
    sums = rng.random((clusters, columns)) * counts
    resampler = Resampler(clusters, 50, seed)
    means = resampler.means(sums, counts)
    for i, weights in enumerate(resampler.weights):
        drawn = [cluster for cluster, times in enumerate(weights) for _ in range(int(times))]
        assert len(drawn) == clusters
        expected = [sum(sums[c, m] for c in drawn) / sum(counts[c, m] for c in drawn) for m in range(columns)]
        np.testing.assert_allclose(means[i], expected, rtol=1e-5)
    np.testing.assert_array_equal(resampler.means(sums, counts[:, 0]).shape, means.shape)


def drawn_means(resampler, sums, counts):
    """The slow, obvious reference: every resample drawn out and averaged in float64."""
    means = []
    for weights in resampler.weights:
        drawn = np.repeat(np.arange(len(counts)), weights.astype(int))
        means.append(sums[drawn].sum(axis=0) / counts[drawn].sum())
    return np.array(means)


SHARES = st.sampled_from([0.0, 0.002, 0.02, 0.5, 0.98, 1.0])


@settings(max_examples=40)
@given(st.integers(1, 300), st.integers(1, 5), SHARES, st.integers(0, 2**32 - 1))
def test_recall_is_exact_and_a_share(clusters, captions, share, seed):
    rng = np.random.default_rng(seed)
    answered = rng.binomial(captions, share, size=(clusters, 2)).astype(float)
    counts, resampler = np.full(clusters, float(captions)), Resampler(clusters, 60, seed)
    means, expected = resampler.means(answered, counts), drawn_means(resampler, answered, counts)
    np.testing.assert_allclose(means, expected, rtol=0, atol=1e-12)
    assert means.min() >= 0 and means.max() <= 1
    for samples, slow in zip(means.T, expected.T, strict=True):
        low, high = percentile_interval(samples)
        assert 0 <= low <= high <= 1
        assert (low, high) == pytest.approx(percentile_interval(slow), abs=1e-12)


@settings(max_examples=40)
@given(st.integers(1, 300), SHARES, st.integers(0, 2**32 - 1))
def test_means_of_graded_metrics_are_shares_too(clusters, share, seed):
    """nDCG and average precision are no whole numbers; where few queries score at all, rounding shows."""
    rng = np.random.default_rng(seed)
    scores = rng.random((clusters, 3)) * rng.binomial(1, share, size=(clusters, 3))
    resampler = Resampler(clusters, 60, seed)
    means = resampler.means(scores, np.ones(clusters))
    np.testing.assert_allclose(means, drawn_means(resampler, scores, np.ones(clusters)), rtol=0, atol=1e-6)
    assert means.min() >= 0 and means.max() <= 1


def test_sums_that_float32_cannot_count_are_not_counted_in_it():
    """Beyond 2^24 float32 skips whole numbers: such columns are kept as deviations from their mean."""
    sums = np.tile([[2.0**21 + 1], [2.0**21]], (8, 1))
    counts, resampler = np.full(16, 2.0**21), Resampler(16, 100, 0)
    np.testing.assert_allclose(
        resampler.means(sums, counts), drawn_means(resampler, sums, counts), rtol=1e-12
    )


def test_queries_of_a_cluster_stay_together():
    """Five equal captions an image: the interval is as wide as with one caption, not narrower."""
    values = np.random.default_rng(0).random(200)[:, None]
    resampler = Resampler(200, 2000, 1)
    one = resampler.means(values, np.ones(200))
    five = resampler.means(values * 5, np.full(200, 5.0))
    np.testing.assert_allclose(one, five, rtol=1e-6)


def test_weights_are_multinomial_and_seeded(monkeypatch):
    monkeypatch.setattr("crossmodal.statistics.bootstrap._BLOCK", 300)  # several blocks
    weights = Resampler(100, 2000, 3).weights
    assert weights.dtype == np.float32 and (weights.sum(axis=1) == 100).all()
    assert weights.mean() == 1 and weights.var() == pytest.approx(0.99, rel=0.03)
    assert (weights == Resampler(100, 2000, 3).weights).all()
    assert (weights != Resampler(100, 2000, 4).weights).any()
    assert len(np.unique(weights, axis=0)) == 2000  # no block repeats another


def test_constant_and_undefined_columns():
    resampler = Resampler(30, 500, 0)
    means = resampler.means(np.full((30, 1), 0.3), np.ones(30))
    assert percentile_interval(means[:, 0]) == pytest.approx((0.3, 0.3), abs=1e-12)
    lonely = np.zeros((30, 1))
    lonely[0] = 1.0  # one cluster holds all queries: a third of the resamples hold none
    means = resampler.means(lonely, lonely)
    assert np.isnan(means).any() and percentile_interval(means[:, 0]) is None


def test_interval_contains_the_estimate_and_covers():
    """Coverage on Bernoulli data: near 95 % of intervals hold the true mean."""
    rng, truth, hits = np.random.default_rng(5), 0.3, 0
    resampler = Resampler(120, 1000, 7)
    data = (rng.random((120, 400)) < truth).astype(float)
    means = resampler.means(data, np.ones(120))
    for column, samples in enumerate(means.T):
        low, high = percentile_interval(samples)
        assert low <= data[:, column].mean() <= high
        hits += low <= truth <= high
    assert 0.91 <= hits / 400 <= 0.98


def test_pairing_makes_differences_certain():
    rng = np.random.default_rng(9)
    first = rng.random(80)
    samples = Resampler(80, 1000, 0).means(np.stack([first, first - 0.01], axis=1), np.ones(80))
    low, high = percentile_interval(samples[:, 0] - samples[:, 1])
    assert low == pytest.approx(0.01, abs=1e-6) and high == pytest.approx(0.01, abs=1e-6)
    assert p_value(samples[:, 0] - samples[:, 1]) == pytest.approx(2 / 1001)


def test_p_value():
    assert p_value(np.zeros(999)) == 1
    assert p_value(np.linspace(-1, 1, 1000)) > 0.99
    assert p_value(np.full(999, (0.1 + 0.2) - 0.3)) == 1, "a tie, whatever the order of summation"
    assert p_value(np.r_[np.full(25, -1.0), np.full(974, 1.0)]) == pytest.approx(0.052)
