"""The tables of H3 at size: a row for each way to search and size, and how each grows."""

from collections.abc import Iterator, Sequence

from crossmodal.experiments.scale.params import size_of, system_of
from crossmodal.report.lookup import Numbers
from crossmodal.report.tables import Row, Table, figure, without_empty

EXPERIMENT = "scale"
ANSWERS = {
    "items_synthetic": "synthetic items",
    "synthetic_share@10": "synthetic in the first ten %",
    "recall@10": "R@10 %",
    "loss_recall@10": "lost R@10 %",
    "index_recall@10": "exhaustive top ten found %",
    "validation_gain_mrr": "validation MRR gained %",
    "validation_gain_recall@10": "validation R@10 gained %",
    "validation_keeps": "kept by validation MRR",
    "latency_p50": "p50 ms",
    "latency_p95": "p95 ms",
    "latency_p99": "p99 ms",
    "latency_search_p50": "search, p50 ms",
    "latency_refine_p50": "refine, p50 ms",
    "latency_rerank_p50": "re-rank, p50 ms",
    "aa_latency_p50": "p50 again, change %",
    "qps": "queries/s",
    "qps_batch64": "queries/s, 64 at once",
}
BUILDING = {
    "items_synthetic": "synthetic items",
    "bytes": "index",
    "bytes_per_item": "an item",
    "bytes_codes": "codes",
    "bytes_ids": "ids",
    "bytes_centroids": "centroids",
    "bytes_graphs": "graphs",
    "build_seconds": "seconds of its jobs",
    "build_seconds_train": "training s",
    "build_seconds_fill": "adding s",
    "build_seconds_merge": "merging s",
    "build_memory": "most memory of a step",
    "memory_searching": "memory while searching",
    "point_nprobe": "lists probed",
    "point_ef_search": "breadth of the graph",
    "point_k_factor": "refined for each result",
    "point_recall@10": "top ten found, validation %",
    "point_reached": "target reached",
}
GROWTH = {
    "growth_latency_p50": "p50, exponent",
    "growth_latency_p99": "p99, exponent",
    "growth_bytes": "bytes, exponent",
    "growth_build_seconds": "building, exponent",
    "growth_recall@10": "R@10, exponent",
    "per_decade_loss_recall@10": "lost R@10, % for ten times the items",
    "per_decade_index_recall@10": "top ten found, % for ten times the items",
}
DENSITY = {
    "density_times": "drawn for each seen",
    "density_nearest_5": "nearest, 5 %",
    "density_nearest_50": "nearest, median",
    "density_nearest_95": "nearest, 95 %",
    "density_tenth_50": "tenth nearest, median",
    "density_local_dimension": "local dimension",
    "density_participation": "effective axes",
    "density_dimensions_90": "axes of 90 % variance",
    "density_mean_product": "mean product",
    "density_hubness": "hubness (skew)",
    "density_hubs": "places of the first 1 %",
    "density_query_1": "best of a query",
    "density_query_10": "tenth of a query",
    "density_norm": "norm",
}
SETS = {
    "real": "real",
    "drawn": "drawn, synthetic",
    "other": "real, another sample",
}


def answers_table(numbers: Numbers) -> Table:
    """Return recall, loss and times of every way to search, grouped by size."""
    return _sized(numbers, "scale", "way to search", ANSWERS, "recall@10")


def building_table(numbers: Numbers) -> Table:
    """Return bytes, seconds of building and operating point of every index, grouped by size."""
    return _sized(numbers, "scale-building", "index", BUILDING, "bytes")


def growth_table(numbers: Numbers) -> Table:
    """Return how times and recalls grow with the gallery, as fitted over its sizes."""
    names = [name for name in _variants(numbers) if "@" not in name and name not in SETS]
    return _table(numbers, "scale-growth", "way to search", GROWTH, [(name, name, "") for name in names])


def density_table(numbers: Numbers) -> Table:
    """Return what drawn vectors are like beside real ones."""
    rows = [(name, title, "") for name, title in SETS.items()]
    return _table(numbers, "scale-density", "vectors", DENSITY, rows)


def _sized(numbers: Numbers, name: str, corner: str, metrics: dict[str, str], needed: str) -> Table:
    rows = sorted((size_of(found), found) for found in _variants(numbers) if "@" in found)
    order = {found: place for place, found in enumerate(_variants(numbers))}
    rows.sort(key=lambda row: (row[0], order[row[1]]))
    shown = [
        (found, system_of(found), f"{size:,} items")
        for size, found in rows
        if numbers.find(EXPERIMENT, needed, variant=found)
    ]
    return _table(numbers, name, corner, metrics, shown)


def _table(
    numbers: Numbers, name: str, corner: str, metrics: dict[str, str], rows: Sequence[tuple[str, str, str]]
) -> Table:
    return without_empty(Table(name, corner, [], list(metrics.values()), list(_rows(numbers, metrics, rows))))


def _rows(numbers: Numbers, metrics: dict[str, str], rows: Sequence[tuple[str, str, str]]) -> Iterator[Row]:
    for variant, title, group in rows:
        found = [numbers.find(EXPERIMENT, metric, variant=variant) for metric in metrics]
        if any(found):
            yield Row(title, [figure(numbers, number) for number in found], group=group)


def _variants(numbers: Numbers) -> list[str]:
    return numbers.distinct("variant", experiment=EXPERIMENT)
