"""Numbers of times: percentiles of a query and of its parts, the A/A comparison, queries a second."""

from collections.abc import Sequence

import numpy as np

from crossmodal.errors import UserError
from crossmodal.experiments.scale.params import AGAIN
from crossmodal.experiments.scale.percentiles import Floats, percentile_of
from crossmodal.experiments.scale.records import Times, Timing
from crossmodal.statistics.estimates import Estimate, difference, ratio
from crossmodal.statistics.records import distinct
from crossmodal.statistics.settings import StatisticsParameters
from crossmodal.statistics.timings import told

PERCENTILES = (50, 95, 99)
Timed = dict[str, dict[str, Estimate]]
"""By way to search and metric."""


def read_times(records: Sequence[Times], parameters: StatisticsParameters) -> Timed:
    """Return the times of one size, of all its processes.

    `latency_p50` ... are of single queries, ms, `latency_<part>_p50` ... of a part of them,
    `latency_batch<b>_p50` ... of b queries asked together, as far as there are calls enough; `qps` and
    `qps_batch<b>` are queries a second;
    `aa_latency_p50` ... is how much a second measurement of the same differs from the first, a share of it.
    UserError where processes measured other things.
    """
    sources = distinct(records, "source")
    found: Timed = {}
    for system in dict.fromkeys(t.system for t in records[0].timings if not t.system.endswith(f"+{AGAIN}")):
        metrics: dict[str, Estimate] = {}
        for batch in dict.fromkeys(t.batch for t in records[0].timings if t.system == system):
            timings = [_timing(record, system, batch) for record in records]
            name = "" if batch == 1 else f"batch{batch}_"
            times = _table([timing.samples_ms for timing in timings])
            stated = told(PERCENTILES, times.shape[1], len(records), batch)
            metrics |= _percentiles(f"latency_{name}", times, parameters, sources, stated)
            rate = 1000 * batch / float(times.mean())
            metrics["qps" if batch == 1 else f"qps_batch{batch}"] = _fixed(rate, times, parameters, sources)
            if batch > 1:
                continue
            for part in timings[0].parts_ms if len(timings[0].parts_ms) > 1 else ():
                own = _table([timing.parts_ms[part] for timing in timings])
                metrics |= _percentiles(f"latency_{part}_", own, parameters, sources)
            if any(t.system == f"{system}+{AGAIN}" for t in records[0].timings):
                again = _table([_timing(record, f"{system}+{AGAIN}", 1).samples_ms for record in records])
                second = _percentiles("latency_", again, parameters, sources)
                one = _fixed(1.0, times, parameters, ())
                metrics |= {f"aa_{p}": difference(ratio(second[p], metrics[p]), one) for p in second}
        found[system] = metrics
    return found


def _percentiles(
    prefix: str,
    times: Floats,
    parameters: StatisticsParameters,
    sources: Sequence[str],
    stated: Sequence[int] = PERCENTILES,
) -> dict[str, Estimate]:
    return {f"{prefix}p{p}": percentile_of(times, p, parameters, sources) for p in stated}


def _fixed(value: float, times: Floats, parameters: StatisticsParameters, sources: Sequence[str]) -> Estimate:
    return Estimate(value, np.full(parameters.resamples, value), times.size, tuple(sources))


def _timing(record: Times, system: str, batch: int) -> Timing:
    for timing in record.timings:
        if (timing.system, timing.batch) == (system, batch):
            return timing
    raise UserError(
        f"{record.source}: no times of {system} in batches of {batch}, which other processes have"
    )


def _table(rows: Sequence[Sequence[float]]) -> Floats:
    """Return times, float64 [processes, calls]; UserError unless every process has as many."""
    if len({len(row) for row in rows}) > 1:
        raise UserError("processes have timed different numbers of calls: they measure the same")
    return np.array(rows, dtype=np.float64)
