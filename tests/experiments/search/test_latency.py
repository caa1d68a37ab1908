"""Numbers of the times of ways to search: percentiles over processes, parts, batches, a second measurement."""

import json
from pathlib import Path

import numpy as np
import pytest

from crossmodal.errors import UserError
from crossmodal.experiments.search.latency import latency_numbers, percentiles
from crossmodal.experiments.search.params import Params
from crossmodal.experiments.search.records import TimesRecord
from crossmodal.statistics.numbers import Number, validate
from crossmodal.statistics.settings import StatisticsParameters
from crossmodal.statistics.timed import is_timed
from crossmodal.statistics.timings import draw

STATISTICS = StatisticsParameters(resamples=300, bootstrap_seed=5)
ROOM = Params.model_validate(
    {
        "cells": ["c"],
        "galleries": {"own": {}, "mixed": {}},
        "gallery": "own",
        "indexes": {"flat": {"kind": "flat"}, "ivf-pq": {"kind": "ivf_pq", "m": 8}},
    }
)


def times(first: float, **parts: float) -> dict:
    samples = [first + i for i in range(100)]
    return {
        "samples_ms": samples,
        "parts_ms": {name: [share * s for s in samples] for name, share in parts.items()},
    }


def record(process: int, slower: float = 0.0, **changes: object) -> TimesRecord:
    again = times(1.1 + slower)
    again["samples_ms"] = [1.1 * s for s in times(1 + slower)["samples_ms"]]
    systems = {
        "ivf-pq+rerank": {"1": times(1 + slower, search=0.25, rerank=0.75), "16": times(10.0)},
        "ivf-pq+rerank again": {"1": again, "16": times(10.0)},
        "encode": {"1": times(5.0), "16": times(50.0)},
    }
    facts = {"cell": "c", "seed": 0, "process": process, "gallery": "mixed", "items": 9, "peak_bytes": 2_000}
    return TimesRecord.model_validate(facts | {"systems": systems} | changes)


def numbers(*records: TimesRecord) -> dict[str, Number]:
    found = list(latency_numbers(records, ROOM, "d", STATISTICS))
    validate(found)
    return {number.number_id: number for number in found}


PLACE = "search/c/s*/d/test/ivf-pq+rerank@mixed/text_to_image"


def test_percentiles_parts_and_batches() -> None:
    found = numbers(record(0), record(1), record(2))
    assert [found[f"{PLACE}/latency_p{p}"].value for p in (50, 95, 99)] == [50, 95, 99]
    assert found[f"{PLACE}/latency_rerank_p95"].value == pytest.approx(0.75 * 95)
    assert found[f"{PLACE}/latency_batch16_p50"].value == 59
    assert f"{PLACE}/latency_batch16_p95" in found and f"{PLACE}/latency_batch16_p99" not in found, (
        "3 calls beyond"
    )
    assert found[f"{PLACE}/qps"].value == pytest.approx(1000 / 50.5)
    assert found[f"{PLACE}/qps_batch16"].value == pytest.approx(16_000 / 59.5)
    assert found["search/c/s*/d/test/-/text_to_image/latency_encode_p50"].value == 54
    assert found["search/c/s*/d/test/-/text_to_image/peak_memory"].value == 2_000
    assert found[f"{PLACE}/latency_p50"].n_queries == 3, "processes"


def test_a_second_measurement_is_compared_with_the_first() -> None:
    again = numbers(record(0), record(1))[f"{PLACE}/aa_latency_p50"]
    assert [again.value, again.ci_low, again.ci_high] == pytest.approx([0.1] * 3), "each takes a tenth longer"
    assert not [name for name in numbers(record(0)) if "again" in name]


def test_what_differs_between_processes_widens_the_interval() -> None:
    equal, different = (
        numbers(record(0), record(1, slower), record(2, 2 * slower))[f"{PLACE}/latency_p99"]
        for slower in (0.0, 20.0)
    )
    assert different.ci_high - different.ci_low > 3 * (equal.ci_high - equal.ci_low)


def test_what_is_a_time_is_known_as_one() -> None:
    for number in numbers(record(0), record(1)).values():
        assert is_timed(number.metric), number.metric


def test_processes_time_the_same_systems() -> None:
    other = record(1, systems={"ivf-pq+rerank": {"1": times(1.0)}})
    with pytest.raises(UserError, match="not timed as often as in the other processes"):
        numbers(record(0), other)


def test_percentiles_against_drawing_one_resample_at_a_time() -> None:
    data = np.random.default_rng(0).gamma(2.0, size=(3, 40))
    draws = draw(3, 40, StatisticsParameters(resamples=50))
    found = percentiles(data, draws, (50, 95))
    for column, rank in ((0, 19), (1, 37)):
        own = np.sort(data, axis=1)[:, rank]
        assert found.values[column] == pytest.approx(own.mean())
        for row in range(50):
            chosen = draws.processes[row]
            within = [np.sort(data[p, draws.rounds[row, i]])[rank] for i, p in enumerate(chosen)]
            between = own[chosen].mean()
            expected = own.mean() * (between / own.mean()) ** draws.widening * np.mean(within) / between
            assert found.samples[row, column] == pytest.approx(expected)


def test_a_broken_record_is_named(tmp_path: Path) -> None:
    path = tmp_path / "0.json"
    content = json.loads(record(0).model_dump_json()) | {"systems": {"flat": {"1": {"samples_ms": []}}}}
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match="samples_ms"):
        TimesRecord.read(path, cell="c", seed=0)
    with pytest.raises(UserError, match="No such file"):
        TimesRecord.read(tmp_path / "absent.json")
