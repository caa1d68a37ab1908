"""What validation says of the second stage at one size: recall and reciprocal rank with it and without."""

from pathlib import Path

import numpy as np

from crossmodal.data.tables import read_table
from crossmodal.experiments.scale.found import Found
from crossmodal.experiments.scale.params import EXACT, INDEX, RERANK
from crossmodal.statistics.bootstrap import Resampler
from crossmodal.statistics.estimates import Estimate, difference
from crossmodal.statistics.settings import StatisticsParameters

ABSENT = 0
"""The rank of what is not among the candidates."""
MRR, RECALL = "validation_mrr", "validation_recall@10"
WAYS = {"exact": f"{INDEX}+{EXACT}", "rerank": f"{INDEX}+{EXACT}+{RERANK}"}
"""Columns of what the job writes, and the ways to search that they are of."""


def read_judged(path: Path, cell: str, parameters: StatisticsParameters) -> Found:
    """Return `validation_mrr` and `validation_recall@10` of both ways, and what the second stage gains of each.

    Images are resampled, the same for both. The gain is `validation_gain_<mrr or recall@10>` of the stage.
    """
    table = read_table(path, ["cluster", *WAYS])
    names, codes = np.unique(table["cluster"].to_pylist(), return_inverse=True)
    counts = np.bincount(codes).astype(np.float64)
    resampler = Resampler(len(names), parameters.resamples, parameters.bootstrap_seed)
    found: Found = {}
    for column, way in WAYS.items():
        ranks = table[column].to_numpy()
        there = ranks != ABSENT
        values = {MRR: np.where(there, 1 / np.maximum(ranks, 1), 0.0), RECALL: there & (ranks <= 10)}
        summed = [np.bincount(codes, weights=own) for own in values.values()]
        sums = np.stack(summed, axis=1).astype(np.float64)
        samples = resampler.means(sums, counts)
        found[way] = {
            metric: Estimate(
                float(np.mean(own)), samples[:, place], len(codes), (str(path),), 1,
                f"{parameters.bootstrap_seed}/{cell}", clusters=len(names),
            )
            for place, (metric, own) in enumerate(values.items())
        }  # fmt: skip
    exact, staged = (found[way] for way in WAYS.values())
    for metric in (MRR, RECALL):
        gained = difference(staged[metric], exact[metric])
        staged[f"validation_gain_{metric.removeprefix('validation_')}"] = gained
    return found


def kept(found: Found) -> bool:
    """Return whether validation would keep the second stage: whether it raises the mean reciprocal rank."""
    exact, staged = (found[way] for way in WAYS.values())
    return staged[MRR].value > exact[MRR].value
