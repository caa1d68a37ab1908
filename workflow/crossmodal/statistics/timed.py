"""Which numbers are measured times, or peaks of memory: they differ from run to run, so nobody expects them to
be equal.
"""

TIMED = (
    "p_claim_latency_", "p_claim_saved_latency_",
    "latency_", "aa_latency_", "saved_latency_", "throughput_", "qps", "training_seconds", "pareto_latency",
    "pareto_training_seconds", "growth_latency_", "growth_build_", "build_seconds", "build_memory",
    "memory_searching", "peak_memory",
)  # fmt: skip


def is_timed(metric: str) -> bool:
    """Return whether a metric is a time or a peak of memory, or is computed from such."""
    return metric.startswith(TIMED)
