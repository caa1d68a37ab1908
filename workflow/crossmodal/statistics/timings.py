"""Times of several processes, compared: medians with intervals that cover what differs from process to process.

Two processes time the same network differently, by where its weights happen to lie in memory, by what the machine
does meanwhile. Rounds of one process say nothing of that, so processes are resampled and, within each, blocks of
consecutive rounds (a slow second of the machine meets several rounds): the two-level bootstrap of Davison and
Hinkley (1997, section 3.8) with the circular blocks of Politis and Romano (1992).

Of few processes a bootstrap sees too little: its variance is short of the unbiased one by (n − 1) / n, and its
quantiles are those of a normal distribution. Both are mended by widening the deviations from process to process
(after the "expanded percentile interval" of Hesterberg 2015), for three processes to 2.7 times, for five to 1.6
times; those within a process, of many rounds, stay as they are. Since what differs within processes makes their
medians differ as well, intervals are rather too wide than too narrow.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from crossmodal.statistics.settings import StatisticsParameters

BEYOND = 5
"""Calls that must lie beyond a percentile of batches for it to be stated: the p99 of fifty is their maximum."""
BLOCKS = 5
"""Blocks of a process's rounds; with fewer rounds each is a block."""


class Draws(NamedTuple):
    """Which processes and rounds stand in each resample: the same for whatever was timed in the same rounds."""

    processes: NDArray[np.int64]
    """[resamples, n], drawn from n with replacement."""
    rounds: NDArray[np.int64]
    """[resamples, n, rounds], of each drawn process."""
    widening: float
    """What deviations between processes are multiplied by."""


def told(percentiles: Sequence[int], calls: int, processes: int, batch: int) -> list[int]:
    """Return those of `percentiles` that so many calls in each process tell; all of them of single queries.

    Batches of as many queries are fewer calls. Their nearest-rank percentile is stated where at least BEYOND
    calls of all processes lie beyond it.
    """
    return [
        p for p in percentiles if batch == 1 or processes * (calls - math.ceil(p / 100 * calls)) >= BEYOND
    ]


def draw(processes: int, rounds: int, parameters: StatisticsParameters) -> Draws:
    """Return the draws for `rounds` rounds in each of `processes` processes; of one process, its blocks alone."""
    generator = np.random.default_rng(parameters.bootstrap_seed)
    shape = (parameters.resamples, processes)
    drawn = generator.integers(0, processes, size=shape, dtype=np.int64)
    length = -(-rounds // BLOCKS)
    blocks = -(-rounds // length)
    starts = generator.integers(0, rounds, size=(*shape, blocks, 1), dtype=np.int64)
    positions = ((starts + np.arange(length)) % rounds).reshape(*shape, -1)[..., :rounds]
    return Draws(drawn, positions, _widening(processes, parameters.level))


def mean_of_medians(times: NDArray[np.float64], draws: Draws) -> tuple[float, NDArray[np.float64]]:
    """Return the mean over processes of the median time, and the same in every resample, [resamples].

    `times` are positive, [processes, rounds]. Deviations are widened as ratios, so that no time becomes negative
    and the ratio of two times that rise and fall together does not vary.
    """
    medians = np.median(times, axis=1)
    value, between = float(medians.mean()), medians[draws.processes].mean(axis=1)
    drawn = times[draws.processes[:, :, None], draws.rounds]
    within = np.median(drawn, axis=2).mean(axis=1) / between
    return value, value * (between / value) ** draws.widening * within


def _widening(processes: int, level: float) -> float:
    if processes == 1:
        return 1.0
    tail = (1 + level) / 2
    quantiles = float(special.stdtrit(processes - 1, tail) / special.ndtri(tail))
    return quantiles * (processes / (processes - 1)) ** 0.5
