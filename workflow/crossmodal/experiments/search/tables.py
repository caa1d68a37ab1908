"""The table of H3: what each way to search finds, how fast, and how large it is."""

from crossmodal.experiments.search.params import stage_of
from crossmodal.report.lookup import Numbers
from crossmodal.report.tables import Row, Table, figure, without_empty

SEARCH_METRICS = {
    "recall@10": "R@10 %",
    "loss_recall@10": "lost R@10 %",
    "gain_over_exact_recall@10": "R@10 over exact %",
    "index_recall@10": "exhaustive top ten found %",
    "latency_p50": "p50 ms",
    "latency_p95": "p95 ms",
    "latency_p99": "p99 ms",
    "latency_{stage}_p50": "second stage, p50 ms",
    "aa_latency_p50": "p50 again, change %",
    "qps": "queries/s",
    "items": "items",
    "bytes": "size",
}
"""The columns; `{stage}` stands for the second stage of a row."""
BLIND_METRICS = {
    "blind_auc": "against all other candidates, AUC %",
    "blind_auc_own": "against the target’s own, AUC %",
    "blind_auc_distractors": "against other datasets’, AUC %",
}
"""AUC of the query-blind probe (blindness.py)."""


def search_table(numbers: Numbers) -> Table:
    """Return recall, latency and size of every way to search, as rows."""
    return _by_way(numbers, "search", "index", SEARCH_METRICS)


def blind_table(numbers: Numbers) -> Table:
    """Return how well the query-blind probe tells answers from an index's other candidates."""
    return _by_way(numbers, "blind", "candidates of", BLIND_METRICS)


def _by_way(numbers: Numbers, name: str, corner: str, metrics: dict[str, str]) -> Table:
    """Return a row for each way to search that has one of `metrics`, named by cell too if there are several."""
    keys = dict.fromkeys((n.cell, n.dataset, n.variant) for n in numbers if n.experiment == "search")
    cells, datasets = {cell for cell, _, _ in keys}, {dataset for _, dataset, _ in keys}
    rows = []
    for cell, dataset, variant in keys:
        where = {"cell": cell, "dataset": dataset, "variant": variant}
        names = [metric.format(stage=stage_of(variant)) for metric in metrics]
        found = [numbers.find("search", name, **where) for name in names]
        prefix = [cell] * (len(cells) > 1) + [dataset] * (len(datasets) > 1)
        if not any(found):
            continue
        rows.append(Row(" · ".join([*prefix, variant]), [figure(numbers, number) for number in found]))
    return without_empty(Table(name, corner, [], list(metrics.values()), rows))
