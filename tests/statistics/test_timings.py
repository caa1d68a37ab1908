"""Intervals of times cover what differs between processes, as those of one process's rounds do not."""

import numpy as np
import pytest

from crossmodal.statistics.bootstrap import Resampler, percentile_interval
from crossmodal.statistics.settings import StatisticsParameters
from crossmodal.statistics.timings import BLOCKS, draw, mean_of_medians, told

PARAMETERS = StatisticsParameters(resamples=400, bootstrap_seed=3)
BETWEEN, WITHIN = 0.03, 0.05
"""Standard deviations of a time's logarithm: of a process, and of a round in it."""


def timed(generator: np.random.Generator, processes: int, rounds: int) -> np.ndarray:
    """Return times of one network whose median over all processes that there could be is 1."""
    own = generator.normal(0, BETWEEN, size=(processes, 1))
    return np.exp(own + generator.normal(0, WITHIN, size=(processes, rounds)))


def saved(samples: tuple[np.ndarray, np.ndarray]) -> tuple[float, float]:
    interval = percentile_interval(1 - samples[1] / samples[0])
    assert interval is not None
    return interval


@pytest.mark.parametrize(("processes", "rounds"), [(3, 35), (5, 20)])
def test_a_network_timed_twice_is_found_equal_to_itself(processes: int, rounds: int) -> None:
    generator = np.random.default_rng(11)
    draws = draw(processes, rounds, PARAMETERS)
    pooled = Resampler(processes * rounds, 400, 3).indices()
    two_level = one_level = 0
    for _ in range(200):
        pair = timed(generator, processes, rounds), timed(generator, processes, rounds)
        low, high = saved(tuple(mean_of_medians(times, draws)[1] for times in pair))
        two_level += low <= 0 <= high
        low, high = saved(tuple(np.median(times.ravel()[pooled], axis=1) for times in pair))
        one_level += low <= 0 <= high
    assert two_level >= 186, "nominal are 190 of 200"
    assert one_level < 150


def test_resamples_as_one_would_write_them_down() -> None:
    times = timed(np.random.default_rng(0), 3, 13)
    draws = draw(3, 13, PARAMETERS)
    value, samples = mean_of_medians(times, draws)
    assert value == pytest.approx(np.mean([np.median(row) for row in times]))
    widening = 4.302653 / 1.959964 * np.sqrt(3 / 2)
    for i in range(20):
        medians = [
            np.median([times[process, position] for position in positions])
            for process, positions in zip(draws.processes[i], draws.rounds[i], strict=True)
        ]
        whole = np.mean([np.median(times[process]) for process in draws.processes[i]])
        expected = value * (whole / value) ** widening * np.mean(medians) / whole
        assert samples[i] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("rounds", [1, 2, 4, 5, 13, 35])
def test_blocks_are_consecutive_rounds_in_a_circle(rounds: int) -> None:
    found = draw(2, rounds, PARAMETERS).rounds
    length = -(-rounds // BLOCKS)
    assert found.shape == (400, 2, rounds) and found.min() == 0 and found.max() == rounds - 1
    steps = np.diff(found, axis=2) % rounds
    inside = np.arange(1, rounds) % length != 0
    assert (steps[:, :, inside] == 1 % rounds).all()
    counts = np.bincount(found.ravel(), minlength=rounds) / found.size * rounds
    assert counts == pytest.approx(np.ones(rounds), abs=0.35), "no round is left out for where it stands"


def test_of_one_process_nothing_is_widened() -> None:
    times = timed(np.random.default_rng(0), 1, 20)
    draws = draw(1, 20, PARAMETERS)
    value, samples = mean_of_medians(times, draws)
    assert draws.widening == 1 and value == np.median(times)
    assert samples[0] == pytest.approx(np.median(times[0, draws.rounds[0, 0]]))


@pytest.mark.parametrize(
    ("calls", "processes", "batch", "stated"),
    [
        (300, 3, 1, [50, 95, 99]),
        (10, 1, 1, [50, 95, 99]),  # of single queries always: a claim is about them
        (625, 3, 16, [50, 95, 99]),
        (157, 3, 64, [50, 95]),  # the p99 has one call in each process beyond it
        (19, 3, 16, [50]),
        (3, 1, 64, []),
    ],
)
def test_percentiles_of_few_batches_are_not_stated(
    calls: int, processes: int, batch: int, stated: list[int]
) -> None:
    assert told((50, 95, 99), calls, processes, batch) == stated
