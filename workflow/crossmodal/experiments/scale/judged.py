"""What validation says of the second stage at one size: recall and reciprocal rank with it and without."""

from pathlib import Path

import numpy as np

from crossmodal.data.tables import read_table
from crossmodal.experiments.scale.found import Found, means_by_cluster
from crossmodal.experiments.scale.params import EXACT, INDEX, RERANK
from crossmodal.experiments.scale.ranks import ABSENT
from crossmodal.statistics.estimates import difference
from crossmodal.statistics.settings import StatisticsParameters

MRR, RECALL = "validation_mrr", "validation_recall@10"
WAYS = {"exact": f"{INDEX}+{EXACT}", "rerank": f"{INDEX}+{EXACT}+{RERANK}"}
"""Columns of what the job writes, and the ways to search that they are of."""


def read_judged(path: Path, cell: str, parameters: StatisticsParameters) -> Found:
    """Return `validation_mrr` and `validation_recall@10` of both ways, and what the second stage gains of each.

    Images are resampled, the same for both. The gain is `validation_gain_<mrr or recall@10>` of the stage.
    """
    table = read_table(path, ["cluster", *WAYS])
    found: Found = {}
    for column, way in WAYS.items():
        ranks = table[column].to_numpy()
        there = ranks != ABSENT
        values = {MRR: np.where(there, 1 / np.maximum(ranks, 1), 0.0), RECALL: there & (ranks <= 10)}
        found[way] = means_by_cluster(table["cluster"].to_pylist(), values, path, cell, parameters)
    exact, staged = (found[way] for way in WAYS.values())
    for metric in (MRR, RECALL):
        gained = difference(staged[metric], exact[metric])
        staged[f"validation_gain_{metric.removeprefix('validation_')}"] = gained
    return found


def kept(found: Found) -> bool:
    """Return whether validation would keep the second stage: whether it raises the mean reciprocal rank."""
    exact, staged = (found[way] for way in WAYS.values())
    return staged[MRR].value > exact[MRR].value
