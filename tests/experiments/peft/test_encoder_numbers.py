"""Numbers of encoders: cells are compared within the rounds in which they were timed."""

import numpy as np
import pytest

from crossmodal.errors import UserError
from crossmodal.experiments.peft.numbers import peft_numbers
from crossmodal.experiments.peft.params import Params
from crossmodal.experiments.peft.records import EncoderCost
from crossmodal.statistics.numbers import Number
from crossmodal.statistics.settings import StatisticsParameters
from crossmodal.statistics.timed import is_timed

STATISTICS = StatisticsParameters(resamples=400, bootstrap_seed=5)


def of(encoders: list[EncoderCost], reference: str | None = "full") -> dict[str, Number]:
    found = peft_numbers([], [], encoders, "x", {}, Params(reference=reference), STATISTICS)
    return {number.number_id: number for number in found}


def costs(*paces: np.ndarray) -> list[EncoderCost]:
    """Return what processes wrote in which round i is `pace[i]` times as slow for all encoders."""
    return [
        EncoderCost(
            cell=cell, form=form, modality=modality, samples_ms=list(pace * factor), batch_size=8,
            batch_samples_ms=list(pace[:5] * factor * 4), process=process, source=f"{process}.json",
            **({} if process else {"flops": 1000, "weight_bytes": 5000, "activation_bytes": active}),
        )
        for process, pace in enumerate(paces)
        for cell, form, factor in (
            ("full", "merged", 10.0), ("full", "again", 10.1), ("lora-r8", "merged", 10.0),
            ("lora-r8", "unmerged", 12.0),
        )
        for modality, active in (("image", 300), ("text", 200))
    ]  # fmt: skip


def test_encoder_latency_is_paired_by_round() -> None:
    """Every round is slow or fast for all cells alike: times spread, their ratio does not."""
    paces = np.random.default_rng(0).uniform(1, 3, size=(3, 41))
    records = costs(*paces)
    numbers = of(records)
    place = "peft/lora-r8/s*/-/-/unmerged/-/"
    latency = numbers[f"{place}latency_pair"]
    assert latency.value == pytest.approx(2 * np.median(paces, axis=1).mean() * 12)
    assert latency.ci_low < latency.value < latency.ci_high
    assert latency.n_queries == 3, "processes"
    assert latency.source == "0.json;1.json;2.json"
    saved = numbers[f"{place}saved_latency_pair"]
    assert (saved.value, saved.ci_low, saved.ci_high) == pytest.approx((-0.2, -0.2, -0.2))
    rate = numbers[f"{place}throughput_pair"]
    assert rate.value == pytest.approx(1000 * 8 / (2 * np.median(paces[:, :5], axis=1).mean() * 12 * 4))
    assert rate.unit == "1/s" and rate.ci_low < rate.value < rate.ci_high
    exact = {name: numbers[place + name] for name in ("flops_pair", "memory_peak", "memory_activations_text")}
    assert [n.value for n in exact.values()] == [2000, 5300, 200]
    assert all(n.ci_low is None and n.source == "0.json" for n in exact.values())
    with pytest.raises(UserError, match="same rounds"):
        odd = EncoderCost(cell="c", form="merged", modality="text", samples_ms=[1.0])
        of([*records, odd])
    with pytest.raises(UserError, match="lora-r8 text, unmerged, was timed in 2 of 3 processes"):
        of(records[:-1])


def test_the_reference_is_compared_with_itself() -> None:
    numbers = of(costs(*np.random.default_rng(0).uniform(1, 3, size=(3, 11))))
    again = numbers["peft/full/s*/-/-/again/-/saved_latency_pair"]
    assert (again.value, again.ci_low, again.ci_high) == pytest.approx((-0.01, -0.01, -0.01))
    assert not [name for name in numbers if "/again/" in name and ("flops" in name or "memory" in name)]


def test_without_a_reference_no_time_is_saved() -> None:
    records = costs(np.linspace(1, 2, 5))
    assert not [name for name in of(records, None) if "saved_latency" in name]
    assert not [name for name in of(records, "gone") if "saved_latency" in name]
    assert [name for name in of(records, None) if "latency_pair" in name]


def test_of_one_encoder_there_is_no_pair() -> None:
    alone = [EncoderCost(cell="c", form="merged", modality="text", samples_ms=[1.0, 2.0, 3.0])]
    numbers = of(alone)
    assert numbers["peft/c/s*/-/-/merged/-/latency_text"].value == 2.0
    assert not [name for name in numbers if name.endswith(("latency_pair", "memory_peak", "flops_pair"))]


def test_what_is_a_time_is_known_as_one() -> None:
    numbers = of(costs(np.linspace(1, 2, 5)))
    times = {n.metric for n in numbers.values() if n.unit in ("ms", "1/s") or n.metric.startswith("saved_")}
    assert times and {n.metric for n in numbers.values() if is_timed(n.metric)} == times
