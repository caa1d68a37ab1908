"""The table of H3: what each way to search finds, how fast, and how large it is."""

from crossmodal.report.lookup import Numbers
from crossmodal.report.tables import Row, Table, figure, without_empty

SEARCH_METRICS = {
    "recall@10": "R@10 %",
    "loss_recall@10": "lost R@10 %",
    "index_recall@10": "exhaustive top ten found %",
    "latency_p50": "p50 ms",
    "latency_p95": "p95 ms",
    "latency_p99": "p99 ms",
    "latency_rerank_p50": "of it re-ranking, p50 ms",
    "qps": "queries/s",
    "items": "items",
    "bytes": "size",
}


def search_table(numbers: Numbers) -> Table:
    """Return recall, latency and size of every index; rows are named by cell too if there are several."""
    keys = dict.fromkeys((n.cell, n.dataset, n.variant) for n in numbers if n.experiment == "search")
    cells, datasets = {cell for cell, _, _ in keys}, {dataset for _, dataset, _ in keys}
    rows = []
    for cell, dataset, variant in keys:
        found = [
            numbers.find("search", metric, cell=cell, dataset=dataset, variant=variant)
            for metric in SEARCH_METRICS
        ]
        prefix = [cell] * (len(cells) > 1) + [dataset] * (len(datasets) > 1)
        rows.append(Row(" · ".join([*prefix, variant]), [figure(numbers, number) for number in found]))
    return without_empty(Table("search", "index", [], list(SEARCH_METRICS.values()), rows))
