"""Numbers of encoders: medians of their times, operations, memory, and the share of time that is saved."""

from collections.abc import Mapping, Sequence

import numpy as np

from crossmodal.errors import UserError
from crossmodal.experiments.peft.records import EncoderCost
from crossmodal.statistics.estimates import Estimate, Place, claim_numbers, loss
from crossmodal.statistics.numbers import ALL_SEEDS, Number
from crossmodal.statistics.settings import StatisticsParameters
from crossmodal.statistics.targets import Target
from crossmodal.statistics.timings import draw, mean_of_medians

Form = tuple[str, str]
"""Cell, and whether its adapter is `merged` or `unmerged`; `again` is the merged reference, timed once more."""

Latencies = dict[Form, dict[str, Estimate]]
"""Median times in ms by part: `image`, `text` and their sum `pair`."""


def encoder_latencies(records: Sequence[EncoderCost], parameters: StatisticsParameters) -> Latencies:
    """Return the median time of one item of each form of each cell, the mean over processes.

    Resamples are of processes and of blocks of their rounds: what was timed in one round stays together, so that
    a slow moment of the machine meets all cells. UserError if the records do not hold the same processes with
    equally many rounds. An estimate's `queries` are processes.
    """
    return _medians(records, parameters, [record.samples_ms for record in records])


def pair_latency(latencies: Latencies) -> dict[str, Estimate]:
    """Return by cell the time of an image and a caption, merged where the method can be merged."""
    pairs = {form: parts["pair"] for form, parts in latencies.items() if "pair" in parts}
    cells = dict.fromkeys(cell for cell, _ in pairs)
    return {cell: pairs.get((cell, "merged")) or pairs[cell, "unmerged"] for cell in cells}


def encoder_numbers(
    records: Sequence[EncoderCost],
    latencies: Latencies,
    reference: str | None,
    parameters: StatisticsParameters,
    targets: Mapping[str, Target] | None = None,
) -> list[Number]:
    """Return what each form of each cell costs; the form stands in `variant`, in `n_queries` how many processes.

    `latency_image`, `latency_text` and their sum `latency_pair`: medians in ms for one item.
    `saved_latency_<...>` = 1 - latency / latency of the cell `reference`, merged; its form `again` is the same
    network, so what is not zero there is the error of such comparisons. `throughput_<...>`: items a second in
    batches, of a pair an image and a caption. `flops_<...>`: operations for one item.
    `memory_weights`, `memory_activations_<...>` and `memory_peak`, weights and the larger of the two
    activations: bytes. `targets` are what claims say of numbers, by id.
    """
    batched = [record for record in records if record.batch_samples_ms]
    batches = _medians(batched, parameters, [record.batch_samples_ms for record in batched])
    sizes: dict[Form, int] = {(record.cell, record.form): record.batch_size for record in batched}
    standard = latencies.get((reference or "", "merged"), {})
    numbers = []
    for (cell, form), parts in latencies.items():
        place = Place("peft", cell, "-", "-", form, "-")
        for part, estimate in parts.items():
            numbers.append(place.number(ALL_SEEDS, f"latency_{part}", estimate, parameters.level, "ms"))
            if part in standard:
                saved, metric = loss(standard[part], estimate), f"saved_latency_{part}"
                numbers.append(place.number(ALL_SEEDS, metric, saved, parameters.level, "fraction"))
                numbers += claim_numbers(place, ALL_SEEDS, metric, saved, parameters.level, targets or {})
        for part, time in batches.get((cell, form), {}).items():
            rate = _rate(time, sizes[cell, form])
            numbers.append(place.number(ALL_SEEDS, f"throughput_{part}", rate, parameters.level, "1/s"))
        if form != "again":
            numbers += _footprint(place, [r for r in records if (r.cell, r.form) == (cell, form)])
    return numbers


def _footprint(place: Place, records: Sequence[EncoderCost]) -> list[Number]:
    """Return operations and memory, which are counted and have no interval."""
    sources = tuple(dict.fromkeys(record.source for record in records if record.flops is not None))
    flops: dict[str, int] = {r.modality: r.flops for r in records if r.flops is not None}
    memory = {r.modality: r.activation_bytes for r in records if r.activation_bytes is not None}
    weights = next((r.weight_bytes for r in records if r.weight_bytes is not None), None)
    if len(flops) == 2:
        flops |= {"pair": sum(flops.values())}
    rows = [(f"flops_{part}", "FLOP", value) for part, value in flops.items()]
    rows += [(f"memory_activations_{part}", "bytes", value) for part, value in memory.items()]
    if weights is not None:
        rows.append(("memory_weights", "bytes", weights))
        if memory:
            rows.append(("memory_peak", "bytes", weights + max(memory.values())))
    return [place.plain(ALL_SEEDS, metric, value, unit, sources) for metric, unit, value in rows]


def _medians(
    records: Sequence[EncoderCost], parameters: StatisticsParameters, samples: Sequence[Sequence[float]]
) -> Latencies:
    if not records:
        return {}
    processes, rounds = sorted({record.process for record in records}), len(samples[0])
    encoders: dict[tuple[str, str, str], dict[int, Sequence[float]]] = {}
    for record, times in zip(records, samples, strict=True):
        if len(times) != rounds:
            raise UserError(
                f"{record.source or 'encoder costs'}: {record.cell} {record.modality} has {len(times)} samples, "
                f"others {rounds}; encoders are timed in the same rounds"
            )
        encoders.setdefault((record.cell, record.form, record.modality), {})[record.process] = times
    draws = draw(len(processes), rounds, parameters)
    sources = tuple(dict.fromkeys(record.source for record in records))
    medians: Latencies = {}
    for (cell, form, modality), timed in encoders.items():
        if timed.keys() != set(processes):
            raise UserError(
                f"encoder costs: {cell} {modality}, {form}, was timed in {len(timed)} of {len(processes)}"
                " processes; each process times the same encoders"
            )
        value, resampled = mean_of_medians(np.array([timed[process] for process in processes]), draws)
        medians.setdefault((cell, form), {})[modality] = Estimate(value, resampled, len(processes), sources)
    for parts in medians.values():
        if {"image", "text"} <= parts.keys():
            parts["pair"] = _sum(parts["image"], parts["text"])
    return medians


def _sum(first: Estimate, second: Estimate) -> Estimate:
    sources = tuple(dict.fromkeys((*first.sources, *second.sources)))
    return Estimate(first.value + second.value, first.samples + second.samples, first.queries, sources)


def _rate(time_ms: Estimate, items: int) -> Estimate:
    return Estimate(
        1000 * items / time_ms.value, 1000 * items / time_ms.samples, time_ms.queries, time_ms.sources
    )
