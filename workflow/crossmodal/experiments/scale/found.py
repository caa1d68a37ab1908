"""Numbers of what is found: recall end to end, the share of the exhaustive top ten, what is lost of either."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from crossmodal.data.tables import read_table
from crossmodal.experiments.scale.params import EXHAUSTIVE
from crossmodal.statistics.bootstrap import Resampler
from crossmodal.statistics.comparisons import RECALLS
from crossmodal.statistics.estimates import Estimate, loss
from crossmodal.statistics.settings import StatisticsParameters

INDEX_RECALL = "index_recall@10"
COLUMNS = {**{metric: metric for metric in RECALLS}, "found": INDEX_RECALL}
"""Columns of answers.parquet and the metrics that they give."""

Found = dict[str, dict[str, Estimate]]
"""By way to search and metric."""


def read_answers(path: Path, cell: str, parameters: StatisticsParameters) -> Found:
    """Return the means over the queries of one size; images are resampled, the same for all ways to search.

    `loss_<recall>` is what is lost of the recall of exhaustive search, a share of it.
    """
    table = read_table(path, ["system", "cluster", *COLUMNS])
    found: Found = {}
    for system in dict.fromkeys(table.column("system").to_pylist()):
        rows = table.filter(pc.equal(table["system"], system))
        names, codes = np.unique(rows.column("cluster").to_pylist(), return_inverse=True)
        counts = np.bincount(codes).astype(np.float64)
        kept = [column for column in COLUMNS if not rows[column].null_count]
        sums = np.stack(
            [np.bincount(codes, weights=rows[column].to_numpy()) for column in kept], axis=1
        ).astype(np.float64)
        resampler = Resampler(len(names), parameters.resamples, parameters.bootstrap_seed)
        samples, values = resampler.means(sums, counts), sums.sum(axis=0) / counts.sum()
        found[system] = {
            COLUMNS[column]: Estimate(
                float(values[place]), samples[:, place], len(codes), (str(path),), 1,
                f"{parameters.bootstrap_seed}/{cell}", clusters=len(names),
            )
            for place, column in enumerate(kept)
        }  # fmt: skip
    for system, metrics in found.items():
        if system != EXHAUSTIVE:
            reference = found[EXHAUSTIVE]
            metrics |= {f"loss_{name}": loss(reference[name], metrics[name]) for name in RECALLS}
    del found[EXHAUSTIVE][INDEX_RECALL]  # all of it, by what it is
    return found


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
