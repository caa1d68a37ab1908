"""Percentiles over processes: their value is measured, their interval is that of a plain bootstrap."""

import numpy as np
import pytest

from crossmodal.experiments.scale.growth import DECADE, POWER, exponent, growth
from crossmodal.experiments.scale.percentiles import BLOCKS, nearest_rank, percentile_of
from crossmodal.statistics.estimates import Estimate
from crossmodal.statistics.settings import StatisticsParameters

PARAMETERS = StatisticsParameters(resamples=2000)


def times(processes: int, calls: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).gamma(4.0, 0.25, size=(processes, calls))


@pytest.mark.parametrize("percentile", [50, 95, 99])
def test_of_one_process_it_is_the_bootstrap_of_blocks(percentile: int) -> None:
    row = times(1, 1000)
    found = percentile_of(row, percentile, PARAMETERS, ["a"])
    assert found.value == np.sort(row[0])[int(np.ceil(percentile * 10)) - 1]
    blocks = np.split(row[0], BLOCKS)
    generator = np.random.default_rng(1)
    plain = [
        nearest_rank(np.concatenate([blocks[i] for i in generator.integers(0, BLOCKS, BLOCKS)]), percentile)
        for _ in range(2000)
    ]
    for q in (0.05, 0.5, 0.95):
        assert np.quantile(found.samples, q) == pytest.approx(np.quantile(plain, q), rel=0.02)
    assert found.queries == 1000 and found.sources == ("a",)


def test_processes_that_differ_make_the_interval_wide() -> None:
    same, apart = times(3, 400), times(3, 400) * np.array([[0.8], [1.0], [1.25]])
    narrow, wide = (percentile_of(table, 50, PARAMETERS, []).samples for table in (same, apart))
    assert np.ptp(np.quantile(wide, [0.025, 0.975])) > 5 * np.ptp(np.quantile(narrow, [0.025, 0.975]))
    assert np.quantile(wide, 0.025) < 0.8 * np.median(wide)


def test_the_same_measured_twice_is_paired() -> None:
    table = times(3, 400) * np.array([[0.8], [1.0], [1.25]])
    first, second = (percentile_of(scaled, 95, PARAMETERS, []).samples for scaled in (table, 1.1 * table))
    assert np.allclose(second / first, 1.1)


def test_few_calls_have_a_percentile_too() -> None:
    found = percentile_of(np.array([[3.0], [5.0]]), 99, PARAMETERS, [])
    assert found.value == 4 and np.isfinite(found.samples).all()


def exact(value: float, resamples: int, source: str) -> Estimate:
    return Estimate(value, np.full(resamples, value), 1, (source,))


def test_growth_is_the_exponent_or_the_slope_by_decade() -> None:
    sizes = (100, 1000, 10_000)
    power = {size: exact(3 * size**0.25, 10, "a") for size in sizes}
    found = growth(power, POWER)
    assert found and found.value == pytest.approx(0.25) and np.allclose(found.samples, 0.25)
    linear = {size: exact(0.9 - 0.1 * np.log10(size), 10, "a") for size in sizes}
    slope = growth(linear, DECADE)
    assert slope and slope.value == pytest.approx(-0.1) and slope.sources == ("a",)
    assert growth({100: exact(1.0, 10, "a")}, POWER) is None
    assert growth({size: exact(0.0, 10, "a") for size in sizes}, POWER) is None
    assert exponent({size: 7 * size**1.5 for size in sizes}) == pytest.approx(1.5)
    assert exponent({100: 1.0, 1000: 2.0}) is None and exponent(dict.fromkeys(sizes, 0.0)) is None


def test_growth_keeps_samples_of_sizes_paired() -> None:
    noise = np.random.default_rng(0).normal(size=500)
    same = {size: Estimate(1.0, 1.0 + 0.1 * noise, 5, ()) for size in (10, 100, 1000)}
    found = growth(same, DECADE)
    assert found and np.abs(found.samples).max() < 1e-12, "what moves both alike moves no slope"
