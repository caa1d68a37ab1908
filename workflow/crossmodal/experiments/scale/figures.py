"""What DVC shows of H3 at size: latency of each way to search over items."""

from crossmodal.experiments.scale.params import size_of
from crossmodal.experiments.scale.tables import EXPERIMENT
from crossmodal.report.figures import Rows, defined, joined_ids
from crossmodal.report.lookup import Numbers

COLUMNS = ["pipeline", "items", "items_synthetic", "latency_p99_ms", "recall@10", "number_ids"]
METRICS = ("items_synthetic", "latency_p99", "recall@10")


def scale_rows(numbers: Numbers) -> Rows:
    """Return p99 latency (ms) and recall@10 (fraction) of every way to search and size that has both."""
    rows: Rows = []
    for variant in numbers.distinct("variant", experiment=EXPERIMENT):
        drawn, tail, recall = (numbers.find(EXPERIMENT, metric, variant=variant) for metric in METRICS)
        if defined(drawn) and defined(tail) and defined(recall):
            row = {"pipeline": variant, "items": size_of(variant), "items_synthetic": int(drawn.value)}
            row |= {"latency_p99_ms": tail.value, "recall@10": recall.value}
            rows.append(row | {"number_ids": joined_ids(drawn, tail, recall)})
    return rows
