"""What image towers take: medians of times, with intervals over processes, and what is counted."""

from collections.abc import Sequence

import numpy as np

from crossmodal.errors import UserError
from crossmodal.experiments.encoders.params import FEW
from crossmodal.experiments.encoders.records import TowerCost
from crossmodal.statistics.estimates import Estimate, Place
from crossmodal.statistics.numbers import ALL_SEEDS, Number
from crossmodal.statistics.settings import StatisticsParameters
from crossmodal.statistics.timings import draw, mean_of_medians

ROOM = "encoders"
COUNTED = {
    "parameters_tower": "count", "parameters": "count", "weight_bytes": "bytes", "activation_bytes": "bytes",
    "flops": "FLOP", "image_size": "px", "pretrained": "yes/no",
}  # fmt: skip


def cost_numbers(costs: Sequence[TowerCost], parameters: StatisticsParameters) -> list[Number]:
    """Return `latency_1`, `latency_5` and `latency_batch`, ms; what is counted; and `memory_peak`, bytes.

    Times are medians, of so many images encoded together; intervals are over processes and blocks of rounds.
    `throughput_image` is images a second in batches. UserError where processes timed other cells or rounds.
    """
    numbers: list[Number] = []
    counts = sorted({cost.count for cost in costs})
    for count in counts:
        timed = [cost for cost in costs if cost.count == count]
        for cell, estimate in _medians(timed, parameters).items():
            place, level = Place(ROOM, cell, "-", "-", "-", "-"), parameters.level
            name = f"latency_{count}" if count in (1, FEW) else "latency_batch"
            numbers.append(place.number(ALL_SEEDS, name, estimate, level, "ms"))
            if name == "latency_batch":
                rate = Estimate(
                    1e3 * count / estimate.value,
                    1e3 * count / estimate.samples,
                    estimate.queries,
                    estimate.sources,
                )
                numbers.append(place.number(ALL_SEEDS, "throughput_image", rate, level, "1/s"))
    for cost in costs:
        if cost.weight_bytes is None or cost.activation_bytes is None:
            continue
        place = Place(ROOM, cost.cell, "-", "-", "-", "-")
        rows = [(name, unit, getattr(cost, name)) for name, unit in COUNTED.items()]
        rows.append(("memory_peak", "bytes", cost.weight_bytes + cost.activation_bytes))
        numbers += [place.plain(ALL_SEEDS, name, value, unit, [cost.source]) for name, unit, value in rows]
    return numbers


def _medians(costs: Sequence[TowerCost], parameters: StatisticsParameters) -> dict[str, Estimate]:
    processes, rounds = sorted({cost.process for cost in costs}), len(costs[0].samples_ms)
    draws = draw(len(processes), rounds, parameters)
    sources = tuple(dict.fromkeys(cost.source for cost in costs))
    found = {}
    for cell in dict.fromkeys(cost.cell for cost in costs):
        own = {cost.process: cost.samples_ms for cost in costs if cost.cell == cell}
        if sorted(own) != processes or any(len(times) != rounds for times in own.values()):
            raise UserError(
                f"{sources[0]}: {cell} was not timed in every process and round; remove it and run again"
            )
        times = np.array([own[process] for process in processes])
        value, samples = mean_of_medians(times, draws)
        found[cell] = Estimate(value, samples, len(processes), sources)
    return found
