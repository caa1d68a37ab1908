"""Numbers of ways to search: what they find of exhaustive search, percentiles of their times, their size."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from crossmodal.errors import UserError
from crossmodal.experiments.search.blindness import blind_estimates
from crossmodal.experiments.search.params import stage_of
from crossmodal.experiments.search.records import SearchRecord
from crossmodal.statistics.bootstrap import Resampler
from crossmodal.statistics.estimates import Estimate, Place, Seeds, aggregate, numbers_of
from crossmodal.statistics.numbers import ALL_SEEDS, Number
from crossmodal.statistics.records import distinct
from crossmodal.statistics.settings import StatisticsParameters

PERCENTILES = (50, 95, 99)


def search_numbers(records: Sequence[SearchRecord], parameters: StatisticsParameters) -> list[Number]:
    """Return recall, latency, size and rate of every way to search, in experiment `search`.

    `index_recall@10` (against exhaustive search over the same vectors), `latency_p50`, `latency_p95`,
    `latency_p99` (ms, whole query) and `latency_rerank_p50` or `latency_exact_p50` ... (ms, the second stage's
    part), `aa_latency_p50` ... (how much a second measurement of the same differs, as a share of the first),
    `qps`, `bytes`, `bytes_per_item`, `items`, and of an index alone `blind_auc` and its like (blindness.py).
    Percentiles are nearest-rank: values that were measured.
    """
    numbers = []
    for cell, dataset, split, index in dict.fromkeys((r.cell, r.dataset, r.split, r.index) for r in records):
        own = [r for r in records if (r.cell, r.dataset, r.split, r.index) == (cell, dataset, split, index)]
        place = Place("search", cell, dataset, split, index, "text_to_image")
        recalls = {str(r.seed): _recall(r, parameters) for r in own if r.index_recall is not None}
        if recalls:
            numbers += numbers_of(place, "index_recall@10", aggregate(recalls), parameters.level)
        for percentile in PERCENTILES:
            whole = {str(r.seed): _percentile(r, r.samples_ms, percentile, parameters) for r in own}
            numbers += _timed(place, f"latency_p{percentile}", whole, parameters)
            parts = {
                str(r.seed): _percentile(r, r.stage.samples_ms, percentile, parameters)
                for r in own
                if r.stage
            }
            numbers += _timed(place, f"latency_{stage_of(index)}_p{percentile}", parts, parameters)
            again = {str(r.seed): _again(r, r.again_ms, percentile, parameters) for r in own if r.again_ms}
            if again:
                numbers += numbers_of(place, f"aa_latency_p{percentile}", aggregate(again), parameters.level)
        blind: dict[str, Seeds] = {}
        for record in own:
            for metric, found in blind_estimates(record, parameters.resamples, parameters.bootstrap_seed):
                blind.setdefault(metric, {})[str(record.seed)] = found
        for metric, seeds in blind.items():
            numbers += numbers_of(place, metric, aggregate(seeds), parameters.level)
        for metric, unit, values in (
            ("qps", "1/s", [r.qps for r in own]),
            ("bytes", "bytes", [r.bytes for r in own]),
            ("bytes_per_item", "bytes", [r.bytes / max(1, r.items) for r in own]),
            ("items", "count", [r.items for r in own]),
        ):
            known = [value for value in values if value is not None]
            for record, value in zip(own, values, strict=True):
                if value is not None:
                    numbers.append(place.plain(str(record.seed), metric, value, unit, [record.source]))
            if known:
                sources = distinct(own, "source")
                numbers.append(place.plain(ALL_SEEDS, metric, float(np.mean(known)), unit, sources))
    return numbers


def percentile_samples(
    ordered: NDArray[np.float64], percentile: float, resamples: int, seed: int
) -> Estimate:
    """Return the nearest-rank percentile of `ordered` (ascending) and its bootstrap samples.

    The k-th smallest of n uniform draws is Beta(k, n + 1 - k) distributed; scaled to n it is the position
    that the k-th smallest of n draws with replacement has. So no resample has to be drawn or sorted.
    """
    count = len(ordered)
    rank = max(1, math.ceil(percentile / 100 * count))
    uniform = np.random.default_rng(seed).beta(rank, count + 1 - rank, size=resamples)
    positions = np.minimum((uniform * count).astype(np.int64), count - 1)
    return Estimate(float(ordered[rank - 1]), ordered[positions], count, ())


def _percentile(
    record: SearchRecord, samples_ms: Sequence[float], percentile: int, parameters: StatisticsParameters
) -> Estimate:
    ordered = np.sort(np.array(samples_ms, dtype=np.float64))
    found = percentile_samples(ordered, percentile, parameters.resamples, parameters.bootstrap_seed)
    return Estimate(found.value, found.samples, found.queries, (record.source,))


def _again(
    record: SearchRecord, again_ms: Sequence[float], percentile: int, parameters: StatisticsParameters
) -> Estimate:
    """Return the percentile of the second measurement as a share of the first's, less 1.

    A query is drawn with both of its times.
    """
    if len(again_ms) != len(record.samples_ms):
        raise UserError(
            f"{record.source or 'search record'}: again_ms must have a time for each of samples_ms"
        )
    both = np.array([record.samples_ms, again_ms], dtype=np.float64)
    count = both.shape[1]
    rank = max(1, math.ceil(percentile / 100 * count)) - 1
    draws = Resampler(count, parameters.resamples, parameters.bootstrap_seed).indices()
    first, second = (np.partition(row[draws], rank, axis=1)[:, rank] for row in both)
    value = np.sort(both, axis=1)[:, rank]
    return Estimate(float(value[1] / value[0] - 1), second / first - 1, count, (record.source,))


def _timed(place: Place, metric: str, seeds: Seeds, parameters: StatisticsParameters) -> list[Number]:
    return numbers_of(place, metric, aggregate(seeds), parameters.level, "ms") if seeds else []


def _recall(record: SearchRecord, parameters: StatisticsParameters) -> Estimate:
    values = np.array(record.index_recall, dtype=np.float64)
    owners = record.clusters if record.clusters is not None else [str(i) for i in range(len(values))]
    if len(owners) != len(values) or not len(values):
        raise UserError(
            f"{record.source or 'search record'}: {len(values)} values of recall@10 and {len(owners)} "
            "clusters; there must be one of each for every query"
        )
    codes = np.unique(owners, return_inverse=True)[1]
    counts = np.bincount(codes).astype(np.float64)
    sums = np.bincount(codes, weights=values).astype(np.float64)[:, None]
    samples = Resampler(len(counts), parameters.resamples, parameters.bootstrap_seed).means(sums, counts)
    return Estimate(float(values.mean()), samples[:, 0], len(values), (record.source,))
