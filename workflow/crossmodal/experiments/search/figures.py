"""What DVC shows of H3: recall and latency of each way to search."""

from crossmodal.report.figures import Rows, defined, joined_ids
from crossmodal.report.lookup import Numbers

COLUMNS = ["pipeline", "cell", "latency_p50_ms", "latency_p95_ms", "recall@10", "number_ids"]
METRICS = ("latency_p50", "latency_p95", "recall@10")


def search_rows(numbers: Numbers) -> Rows:
    """Return latency of a query (ms) and recall@10 (fraction) of every way to search that has both."""
    keys = dict.fromkeys((n.cell, n.dataset, n.variant) for n in numbers if n.experiment == "search")
    rows = []
    for cell, dataset, pipeline in keys:
        where = {"cell": cell, "dataset": dataset, "variant": pipeline}
        median, tail, recall = (numbers.find("search", metric, **where) for metric in METRICS)
        if defined(median) and defined(tail) and defined(recall):
            row = {"pipeline": pipeline, "cell": cell, "latency_p50_ms": median.value}
            row |= {"latency_p95_ms": tail.value, "recall@10": recall.value}
            rows.append(row | {"number_ids": joined_ids(median, tail, recall)})
    return rows
