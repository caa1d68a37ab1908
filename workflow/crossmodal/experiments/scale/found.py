"""Numbers of what is found: recall end to end, the share of the exhaustive top ten, what is lost of either."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from crossmodal.data.tables import read_table
from crossmodal.experiments.scale.params import EXHAUSTIVE
from crossmodal.statistics.bootstrap import Resampler
from crossmodal.statistics.comparisons import RECALLS
from crossmodal.statistics.estimates import Estimate, loss
from crossmodal.statistics.settings import StatisticsParameters

INDEX_RECALL, SYNTHETIC = "index_recall@10", "synthetic_share@10"
COLUMNS = {**{metric: metric for metric in RECALLS}, "found": INDEX_RECALL}
"""Columns of answers.parquet and the metrics that they give."""

Found = dict[str, dict[str, Estimate]]
"""By way to search and metric."""


def read_answers(path: Path, cell: str, real: int, parameters: StatisticsParameters) -> Found:
    """Return the means over the queries of one size; images are resampled, the same for all ways to search.

    `loss_<recall>` is what is lost of the recall of exhaustive search, a share of it; `synthetic_share@10` which
    share of the first ten items is beyond the first `real` of the gallery, and so drawn from a density,
    where there are such.
    """
    table = read_table(path, ["system", "cluster", "top", *COLUMNS])
    found: Found = {}
    for system in dict.fromkeys(table.column("system").to_pylist()):
        rows = table.filter(pc.equal(table["system"], system))
        values = {COLUMNS[name]: rows[name].to_numpy() for name in COLUMNS if not rows[name].null_count}
        top = np.asarray(rows["top"].to_pylist(), dtype=np.int64)
        if (drawn := top >= real).any():
            values[SYNTHETIC] = drawn.mean(axis=1)
        found[system] = means_by_cluster(rows["cluster"].to_pylist(), values, path, cell, parameters)
    for system, metrics in found.items():
        if system != EXHAUSTIVE:
            reference = found[EXHAUSTIVE]
            metrics |= {f"loss_{name}": loss(reference[name], metrics[name]) for name in RECALLS}
    del found[EXHAUSTIVE][INDEX_RECALL]  # all of it, by what it is
    return found


def means_by_cluster(
    clusters: Sequence[str], values: Mapping[str, npt.NDArray[Any]], path: Path, cell: str,
    parameters: StatisticsParameters,
) -> dict[str, Estimate]:  # fmt: skip
    """Return the mean of each of `values` [q], by its name; whole `clusters` [q] are resampled, alike for all."""
    names, codes = np.unique(clusters, return_inverse=True)
    counts = np.bincount(codes).astype(np.float64)
    sums = np.stack([np.bincount(codes, weights=own) for own in values.values()], axis=1).astype(np.float64)
    samples = Resampler(len(names), parameters.resamples, parameters.bootstrap_seed).means(sums, counts)
    return {
        metric: Estimate(
            float(sums[:, place].sum() / counts.sum()), samples[:, place], len(codes), (str(path),), 1,
            f"{parameters.bootstrap_seed}/{cell}", clusters=len(names),
        )
        for place, metric in enumerate(values)
    }  # fmt: skip


def by_system(found: Mapping[int, Found]) -> dict[str, dict[str, dict[int, Estimate]]]:
    """Return what is found by way to search, metric and size."""
    turned: dict[str, dict[str, dict[int, Estimate]]] = {}
    for size, systems in found.items():
        for system, metrics in systems.items():
            for metric, estimate in metrics.items():
                turned.setdefault(system, {}).setdefault(metric, {})[size] = estimate
    return turned


def asked_of(found: Mapping[int, Found]) -> Sequence[int]:
    """Return how many captions asked, at each size."""
    return [next(iter(next(iter(systems.values())).values())).queries for systems in found.values()]
