"""What methods take: medians of times with intervals over processes, and what is counted."""

from collections.abc import Sequence

import numpy as np

from crossmodal.errors import UserError
from crossmodal.experiments.few_shot.accuracies import ROOM
from crossmodal.experiments.few_shot.records import Time
from crossmodal.statistics.estimates import Estimate, Place
from crossmodal.statistics.numbers import ALL_SEEDS, Number
from crossmodal.statistics.settings import StatisticsParameters
from crossmodal.statistics.timings import draw, mean_of_medians

COUNTED = {
    "parameters": ("parameters_trained", "count"),
    "flops": ("flops", "FLOP"),
    "stored_bytes": ("memory_bytes", "bytes"),
}
"""What is the same in every process: its number's metric and unit, by the record's key."""


def cost_numbers(times: Sequence[Time], parameters: StatisticsParameters) -> list[Number]:
    """Return `training_seconds`, `latency_answer` (ms an image, features given) and what is counted, by method.

    An answer's time is the mean over processes of its median, its interval over processes and blocks of rounds; a
    fit was timed once a process: the mean, without an interval. UserError where processes timed other rounds.
    """
    numbers: list[Number] = []
    processes = sorted({time.process for time in times})
    for method in dict.fromkeys(time.method for time in times):
        own = [time for time in times if time.method == method]
        rounds = {len(time.samples_ms) for time in own}
        if sorted(time.process for time in own) != processes or len(rounds) > 1:
            raise UserError(
                f"{own[0].source}: {method} was not timed in every process and round; remove it and run again"
            )
        place = Place(ROOM, method, "-", "-", "-", "-")
        sources = tuple(dict.fromkeys(time.source for time in own))
        value, samples = mean_of_medians(
            np.array([time.samples_ms for time in own]), draw(len(own), rounds.pop(), parameters)
        )
        latency = Estimate(value, samples, len(own), sources)
        numbers.append(place.number(ALL_SEEDS, "latency_answer", latency, parameters.level, "ms"))
        seconds = float(np.mean([time.seconds for time in own]))
        numbers.append(place.plain(ALL_SEEDS, "training_seconds", seconds, "s", sources))
        for key, (metric, unit) in COUNTED.items():
            numbers.append(place.plain(ALL_SEEDS, metric, getattr(own[0], key), unit, sources[:1]))
    return numbers
