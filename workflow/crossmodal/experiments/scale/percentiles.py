"""Percentiles of times over several processes, with intervals that cover what differs from process to process.

Processes are resampled and, within each, blocks of consecutive calls: a slow second of the machine meets
several of them. Of few processes a bootstrap sees too little, so deviations between them are widened as those
of medians are (statistics/timings.py); what happens within a process, of many calls, stays as it is.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from crossmodal.statistics.estimates import Estimate
from crossmodal.statistics.settings import StatisticsParameters
from crossmodal.statistics.timings import draw

Floats = NDArray[np.float64]

BLOCKS = 20
"""Blocks of a process's calls; with fewer calls each is a block."""
GRID = 512
"""Values at which a resample's distribution is looked at: the percentile is read to one of them."""
REACH = 12
"""How many of its standard deviations (of independent calls) around the percentile these span."""


def percentile_of(
    times: Floats, percentile: float, parameters: StatisticsParameters, sources: Sequence[str]
) -> Estimate:
    """Return the mean over processes of the nearest-rank percentile of `times` [processes, calls], ms, with
    samples.

    What is timed in the same rounds, other systems or the same one twice, sees the same draws, so that ratios
    of such estimates are paired. `queries` of the result are calls.
    """
    processes, calls = times.shape
    draws = draw(processes, 1, parameters)
    own = np.array([nearest_rank(row, percentile) for row in times])
    value, between = float(own.mean()), own[draws.processes].mean(axis=1)
    generator = np.random.default_rng(parameters.bootstrap_seed)
    resampled = np.empty((parameters.resamples, processes))
    for slot in range(processes):
        weights = _block_weights(calls, parameters.resamples, generator)
        for process, row in enumerate(times):
            rows = draws.processes[:, slot] == process
            resampled[rows, slot] = _percentiles(row, percentile, weights[rows])
    within = resampled.mean(axis=1) / between
    samples = value * (between / value) ** draws.widening * within
    return Estimate(value, samples, processes * calls, tuple(sources))


def nearest_rank(times: Floats, percentile: float) -> float:
    """Return the percentile that is one of `times` [n]: the smallest that so many are not above."""
    return float(np.partition(times, _rank(len(times), percentile))[_rank(len(times), percentile)])


def _rank(count: int, percentile: float) -> int:
    return max(1, math.ceil(percentile / 100 * count)) - 1


def _block_weights(calls: int, resamples: int, generator: np.random.Generator) -> NDArray[np.float32]:
    """Return how often each block was drawn, [resamples, blocks]."""
    blocks = min(BLOCKS, calls)
    drawn = generator.multinomial(blocks, np.full(blocks, 1 / blocks), size=resamples)
    return drawn.astype(np.float32)


def _percentiles(times: Floats, percentile: float, weights: NDArray[np.float32]) -> Floats:
    """Return the percentile of `times` [n] in each resample of blocks, float64 [resamples]."""
    calls, blocks = len(times), weights.shape[1]
    block = np.arange(calls) * blocks // calls
    ordered = np.sort(times)
    rank, share = _rank(calls, percentile), percentile / 100
    reach = max(GRID // 2, math.ceil(REACH * math.sqrt(calls * share * (1 - share))))
    places = np.unique(np.linspace(max(0, rank - reach), min(calls - 1, rank + reach), GRID).astype(int))
    grid = ordered[places]
    below = np.stack([np.searchsorted(np.sort(times[block == b]), grid, side="right") for b in range(blocks)])
    counts = weights @ below.astype(np.float32)
    sizes = weights @ np.bincount(block, minlength=blocks).astype(np.float32)
    reached = counts >= np.ceil(share * sizes - 1e-3)[:, None]
    first = np.where(reached.any(axis=1), reached.argmax(axis=1), len(grid) - 1)
    found: Floats = grid[first]
    return found
