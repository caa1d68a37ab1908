"""Which numbers are times: nobody expects those to be equal from run to run."""

import pytest

from crossmodal.statistics.timed import is_timed

TIMES = [
    "latency_p50", "latency_p95_std", "latency_rerank_p99", "aa_latency_p50", "latency_pair", "saved_latency_pair",
    "saved_latency_image", "throughput_text", "qps", "training_seconds", "pareto_latency",
    "peak_memory", "pareto_latency_probability", "pareto_training_seconds", "pareto_training_seconds_probability",
]  # fmt: skip
OTHERS = [
    "recall@1", "recall@10_std", "ndcg@10", "map", "retention_recall@1", "normalised_gain_recall@5",
    "difference_recall@1", "p_value_recall@1", "degradation_recall@1", "loss_recall@10", "index_recall@10",
    "parameters_trainable", "saved_parameters", "saved_parameters_nominal", "training_epochs",
    "pareto_parameters", "pareto_parameters_probability", "pareto_validation", "flops_pair", "memory_peak",
    "bytes", "bytes_per_item", "items", "sanity_passed", "validation_recall@1",
]  # fmt: skip


@pytest.mark.parametrize("metric", TIMES)
def test_what_a_clock_measures_or_is_computed_from_it(metric: str) -> None:
    assert is_timed(metric)


@pytest.mark.parametrize("metric", OTHERS)
def test_what_is_counted_or_found(metric: str) -> None:
    assert not is_timed(metric)
