"""Numbers of the times of ways to search: percentiles of several processes, their parts, batches, an A/A row."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crossmodal.errors import UserError
from crossmodal.experiments.search.names import AGAIN, ENCODE, Way, read_way
from crossmodal.experiments.search.params import Params
from crossmodal.experiments.search.records import TimesRecord
from crossmodal.statistics.estimates import Estimate, Place
from crossmodal.statistics.numbers import ALL_SEEDS, Number
from crossmodal.statistics.queries import TEXT_TO_IMAGE
from crossmodal.statistics.records import distinct
from crossmodal.statistics.settings import StatisticsParameters
from crossmodal.statistics.timings import Draws, draw, told

PERCENTILES = (50, 95, 99)
RESAMPLES = 1000
"""Of times: thousands of queries tell their percentiles well, and every resample draws them all."""
BLOCK = 2**23  # times that are held at once

Times = NDArray[np.float64]


class Percentiles(NamedTuple):
    """Percentiles of times, the mean over processes, and the same in every resample."""

    values: Times
    """[p]."""
    samples: Times
    """[resamples, p]."""


def latency_numbers(
    records: Sequence[TimesRecord], room: Params, target: str, parameters: StatisticsParameters
) -> Iterator[Number]:
    """Yield the times of every way to search of each cell, in ms; `n_queries` are processes.

    `latency_p50`, `latency_p95`, `latency_p99` of a query asked alone, from its vector to the final list;
    `latency_<part>_p50` ... of its parts (`search`, `refine`, `rerank`), `latency_batch16_p50` ... of batches
    as far as there are calls enough, `qps` and `qps_batch16` queries a second. `aa_latency_p50` ... says how
    much a second measurement of the same way, interleaved with the first, differs as a share. Of the encoder
    `latency_encode_p50` ... and its like, for the variant "-", and `peak_memory` of the process that holds
    everything. Percentiles are nearest-rank.
    """
    level = parameters.level
    for cell in distinct(records, "cell"):
        own = sorted((r for r in records if r.cell == cell), key=lambda record: record.process)
        sources = tuple(record.source for record in own)
        for system in own[0].systems:
            if system.endswith(AGAIN):
                continue
            way = Way("-") if system == ENCODE else room.named(read_way(system), own[0].gallery)
            place = Place("search", cell, target, "test", way.variant, TEXT_TO_IMAGE)
            for batch in own[0].systems[system]:
                for metric, unit, estimate in _estimates(own, system, batch, parameters, sources):
                    yield place.number(ALL_SEEDS, metric, estimate, level, unit)
        nothing = Place("search", cell, target, "test", "-", TEXT_TO_IMAGE)
        peak = float(np.mean([record.peak_bytes for record in own]))
        yield nothing.plain(ALL_SEEDS, "peak_memory", peak, "bytes", sources)


def _estimates(
    records: Sequence[TimesRecord], system: str, batch: int, parameters: StatisticsParameters,
    sources: tuple[str, ...],
) -> Iterator[tuple[str, str, Estimate]]:  # fmt: skip
    """Yield metric, unit and estimate of one system at one batch size."""
    whole = _table(records, system, batch)
    rounds = whole.shape[1]
    resamples = min(RESAMPLES, parameters.resamples)
    draws = draw(len(records), rounds, parameters.model_copy(update={"resamples": resamples}))
    suffix = "" if batch == 1 else f"_batch{batch}"
    kind = f"_{ENCODE}" if system == ENCODE else ""

    def estimate(value: float, samples: Times) -> Estimate:
        return Estimate(float(value), samples, len(records), sources)

    found = percentiles(whole, draws)
    stated = told(PERCENTILES, rounds, len(records), batch)
    for column, percentile in enumerate(PERCENTILES):
        if percentile not in stated:
            continue
        metric = f"latency{kind}{suffix}_p{percentile}"
        yield metric, "ms", estimate(found.values[column], found.samples[:, column])
    if system != ENCODE:
        rates = 1000 * batch / whole.mean(axis=1)
        samples = rates[draws.processes].mean(axis=1)
        value = float(rates.mean())
        yield f"qps{suffix}", "1/s", estimate(value, value * (samples / value) ** draws.widening)
    if batch != 1:
        return
    for part in records[0].systems[system][batch].parts_ms:
        times = percentiles(_table(records, system, batch, part), draws)
        for column, percentile in enumerate(PERCENTILES):
            metric = f"latency_{part}_p{percentile}"
            yield metric, "ms", estimate(times.values[column], times.samples[:, column])
    if system + AGAIN in records[0].systems:
        second = percentiles(_table(records, system + AGAIN, batch), draws)
        for column, percentile in enumerate(PERCENTILES):
            change = second.values[column] / found.values[column] - 1
            samples = second.samples[:, column] / found.samples[:, column] - 1
            yield f"aa_latency_p{percentile}", "fraction", estimate(change, samples)


def percentiles(times: Times, draws: Draws, wanted: Sequence[int] = PERCENTILES) -> Percentiles:
    """Return nearest-rank percentiles of `times`, positive, [processes, rounds]: the mean over processes.

    Processes are resampled and, within each, blocks of rounds; deviations between processes are widened as ratios
    for how few they are (statistics/timings.py).
    """
    rounds = times.shape[1]
    ranks = [max(1, math.ceil(percentile / 100 * rounds)) - 1 for percentile in wanted]
    own = np.sort(times, axis=1)[:, ranks]
    values, between = own.mean(axis=0), own[draws.processes].mean(axis=1)
    samples = np.empty((len(draws.processes), len(ranks)))
    size = max(1, BLOCK // times.size)
    for start in range(0, len(samples), size):
        block = slice(start, start + size)
        drawn = times[draws.processes[block, :, None], draws.rounds[block]]
        drawn.partition(ranks, axis=2)
        samples[block] = drawn[:, :, ranks].mean(axis=1)
    return Percentiles(values, values * (between / values) ** draws.widening * (samples / between))


def _table(records: Sequence[TimesRecord], system: str, batch: int, part: str = "") -> Times:
    """Return the times of a system in all processes, [processes, rounds]; UserError if processes differ."""
    rows: list[list[float]] = []
    for record in records:
        timing = record.systems.get(system, {}).get(batch)
        samples = timing and (timing.parts_ms.get(part) if part else timing.samples_ms)
        if not samples or (rows and len(samples) != len(rows[0])):
            raise UserError(
                f"{record.source or 'times'}: {system} {part} in batches of {batch} is not timed as often as in "
                "the other processes; each times the same systems"
            )
        rows.append(samples)
    return np.maximum(np.array(rows, dtype=np.float64), np.finfo(np.float64).tiny)
