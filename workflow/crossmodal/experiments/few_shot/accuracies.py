"""How often each method is right about the same images: estimates with draws of images and of shots."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from crossmodal.data.tables import read_table
from crossmodal.experiments.few_shot.names import ACCURACY, CLASS_ACCURACY, ELSEWHERE, method_name, variant_of
from crossmodal.statistics.estimates import Seeds, aggregate, mean, merge
from crossmodal.statistics.panel import Panel, Result, Sums
from crossmodal.statistics.queries import IMAGE_TO_TEXT
from crossmodal.statistics.records import QueryRecord
from crossmodal.statistics.settings import StatisticsParameters

ROOM = "few_shot"


class Where(NamedTuple):
    """What an accuracy is of: a dataset (or a mean over several) and how it was learnt from."""

    dataset: str
    variant: str
    """`<k>-shot`, and `-from-<source>` where another set was learnt from."""
    metric: str = ACCURACY


Found = dict[str, dict[Where, Seeds]]
"""Accuracies by method and by what they are of, those of means last."""


def read_answers(path: Path, model: str, dataset: str, draw: int, first: str) -> list[Result]:
    """Return the answers in `path`, of a fit over the features of `model` to a draw of `dataset`, as results."""
    table = read_table(path)
    right = pc.equal(table["label"], table["answer"])
    results = []
    keys = table.select(["method", "shots", "dataset"]).group_by(["method", "shots", "dataset"]).aggregate([])
    for row in keys.to_pylist():
        mask = pa.chunked_array([np.ones(table.num_rows, dtype=bool)])
        for column, value in row.items():
            mask = pc.and_(mask, pc.equal(table[column], value))
        variant = variant_of(row["shots"], None if row["dataset"] == dataset else dataset)
        record = QueryRecord(
            experiment=ROOM, cell=method_name(row["method"], model, first), seed=draw,
            dataset=row["dataset"], split="test", variant=variant, path=path,
        )  # fmt: skip
        clusters, labels = (table[name].filter(mask).to_pylist() for name in ("cluster", "label"))
        own = _sums(clusters, labels, right.filter(mask).to_numpy())
        results.append(Result(record, {IMAGE_TO_TEXT: own}))
    return results


def accuracies(
    results: Sequence[Result], groups: Mapping[str, Sequence[str]], parameters: StatisticsParameters
) -> Found:
    """Return the accuracy of each method on each set, and the mean over each of `groups` of them, by its name.

    `ELSEWHERE` is of sets that were not learnt from, all others of those that were; each set counts once, and a
    mean is there where all of its sets are. Clusters of images that stand in several sets, as a concept does in
    several styles, are drawn together. Draws of shots are drawn together for all methods: they are the same.
    """
    if not results:
        return {}
    panel = Panel(results, parameters)
    found: Found = {}
    for cell in dict.fromkeys(result.record.cell for result in results):
        own: dict[Where, Seeds] = {}
        for key, seeds in panel.measure(cell).items():
            shared = {draw: replace(estimate, training=f"{ROOM}/draws") for draw, estimate in seeds.items()}
            own[Where(key.dataset, key.variant, key.metric)] = aggregate(shared)
        means = {}
        for variant, metric in dict.fromkeys(where[1:] for where in own):
            for name, wanted in groups.items():
                each = [Where(dataset, variant, metric) for dataset in wanted]
                if (
                    each
                    and all(where in own for where in each)
                    and (name == ELSEWHERE) == ("-from-" in variant)
                ):
                    means[Where(name, variant, metric)] = merge(mean, [own[where] for where in each])
        found[cell] = own | means
    return found


def _sums(clusters: Sequence[str], labels: Sequence[str], right: NDArray[np.bool_]) -> Sums:
    """Return how many images of each cluster are right, and the same where every class has as many images."""
    names, codes = np.unique(clusters, return_inverse=True)
    _, classes, images = np.unique(labels, return_inverse=True, return_counts=True)
    even = len(labels) / (len(images) * images[classes])
    sums = np.zeros((len(names), 2))
    np.add.at(sums, codes, np.stack([right, right * even], axis=1))
    return Sums((ACCURACY, CLASS_ACCURACY), names.tolist(), sums, np.bincount(codes).astype(np.float64))
