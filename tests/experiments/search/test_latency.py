"""Numbers of ways to search: times, sizes, and what of exhaustive search they find."""

import json
from pathlib import Path

import numpy as np
import pytest

from crossmodal.errors import UserError
from crossmodal.experiments.search.latency import percentile_samples, search_numbers
from crossmodal.experiments.search.records import SearchRecord
from crossmodal.statistics.bootstrap import Resampler
from crossmodal.statistics.settings import StatisticsParameters
from crossmodal.statistics.timed import is_timed

STATISTICS = StatisticsParameters(resamples=400, bootstrap_seed=5)
FACTS = {
    "cell": "lora-r8", "seed": 0, "dataset": "openmoji", "split": "test", "index": "ivf-pq+rerank",
    "items": 1000, "bytes": 64_000, "recall@10": [1.0, 0.5, 0.9, 0.8], "clusters": ["a", "a", "b", "c"],
    "samples_ms": list(range(1, 101)), "qps": 20.0, "stage": {"samples_ms": [0.5] * 100},
    "again_ms": [1.1 * i for i in range(1, 101)],
}  # fmt: skip


def test_search_numbers(tmp_path: Path) -> None:
    path = tmp_path / "search.json"
    path.write_text(json.dumps(FACTS))
    numbers = {n.number_id: n for n in search_numbers(SearchRecord.read(path), STATISTICS)}
    place = "search/lora-r8/s*/openmoji/test/ivf-pq+rerank/text_to_image/"
    assert numbers[f"{place}index_recall@10"].value == pytest.approx(0.8)
    assert [numbers[f"{place}latency_p{p}"].value for p in (50, 95, 99)] == [50, 95, 99]
    assert numbers[f"{place}latency_p95"].ci_low < 95 < numbers[f"{place}latency_p95"].ci_high
    assert numbers[f"{place}latency_rerank_p95"].value == 0.5
    assert numbers[f"{place}bytes_per_item"].value == 64 and numbers[f"{place}qps"].unit == "1/s"


def test_what_is_a_time_is_known_as_one() -> None:
    numbers = search_numbers([SearchRecord.model_validate(FACTS)], STATISTICS)
    times = {
        number.metric for number in numbers if number.unit in ("ms", "1/s") or "latency" in number.metric
    }
    assert times and {number.metric for number in numbers if is_timed(number.metric)} == times


def test_a_record_without_times_and_an_absent_one_are_named(tmp_path: Path) -> None:
    path = tmp_path / "search.json"
    path.write_text(json.dumps(FACTS | {"samples_ms": []}))
    with pytest.raises(UserError, match="samples_ms"):
        SearchRecord.read(path)
    with pytest.raises(UserError, match="No such file"):
        SearchRecord.read(tmp_path / "absent.json")


def test_every_query_has_its_owner() -> None:
    record = SearchRecord.model_validate(FACTS | {"clusters": ["a"]})
    with pytest.raises(UserError, match=r"4 values of recall@10 and 1 clusters"):
        search_numbers([record], STATISTICS)


def test_percentile_positions_are_those_of_drawn_resamples() -> None:
    """The order statistic of a resample by its known distribution against drawing and sorting."""
    values = np.sort(np.random.default_rng(1).gamma(2.0, size=60))
    fast = percentile_samples(values, 95, 20_000, 0)
    assert fast.value == values[56]
    drawn = np.sort(values[Resampler(60, 20_000, 1).indices()], axis=1)[:, 56]
    np.testing.assert_allclose(
        np.quantile(fast.samples, [0.025, 0.5, 0.975]), np.quantile(drawn, [0.025, 0.5, 0.975]), rtol=0.02
    )
    assert np.mean(fast.samples) == pytest.approx(np.mean(drawn), rel=0.01)


def test_a_stage_has_its_own_times() -> None:
    record = SearchRecord.model_validate(FACTS | {"index": "ivf-pq+exact"})
    metrics = {number.metric for number in search_numbers([record], STATISTICS)}
    assert "latency_exact_p50" in metrics and "latency_rerank_p50" not in metrics


def test_a_second_measurement_is_compared_query_by_query() -> None:
    numbers = {n.number_id: n for n in search_numbers([SearchRecord.model_validate(FACTS)], STATISTICS)}
    again = numbers["search/lora-r8/s*/openmoji/test/ivf-pq+rerank/text_to_image/aa_latency_p50"]
    assert [again.value, again.ci_low, again.ci_high] == pytest.approx([0.1] * 3), "each takes a tenth longer"
    shuffled = FACTS | {"again_ms": FACTS["samples_ms"][::-1]}
    numbers = {n.metric: n for n in search_numbers([SearchRecord.model_validate(shuffled)], STATISTICS)}
    assert numbers["aa_latency_p50"].value == 0
    assert numbers["aa_latency_p50"].ci_low < 0 < numbers["aa_latency_p50"].ci_high
    alone = SearchRecord.model_validate({key: value for key, value in FACTS.items() if key != "again_ms"})
    assert not [n for n in search_numbers([alone], STATISTICS) if n.metric.startswith("aa_")]


def test_both_measurements_have_every_query() -> None:
    record = SearchRecord.model_validate(FACTS | {"again_ms": [1.0]})
    with pytest.raises(UserError, match="again_ms must have a time for each of samples_ms"):
        search_numbers([record], STATISTICS)
