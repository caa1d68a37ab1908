"""Retrieval as mteb's JSON of results, a file for each task: MODEL/REVISION/TASK.json, as its leaderboard has it.

mteb's `recall_at_k` is the share of a query's positives that are in the first k; what is called recall@k here,
whether any is, is its `hit_rate_at_k`. Its own tasks are of its own datasets: a task here is named after the
dataset of the study, so that none is taken for one of theirs.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from crossmodal.statistics.queries import Vectors
from crossmodal.statistics.rankings import DEPTHS, metrics_at, rankings

FORMAT = "2.0.0"
"""The version of mteb whose layout this is; it wants one in every file."""
MAIN = "ndcg_at_10"
"""The score that mteb puts first for retrieval of images and texts."""


def scores_of(queries: Vectors, gallery: Vectors) -> dict[str, float]:
    """Return mteb's scores of one direction: the means over all queries."""
    parts = [
        metrics_at(ranking.relevance, ranking.positives)
        for ranking in rankings(queries, gallery, max(DEPTHS))
    ]
    return {name: float(np.concatenate([part[name] for part in parts]).mean()) for name in parts[0]}


def to_mteb(task: str, split: str, scores: Mapping[str, float], revision: str) -> dict[str, Any]:
    """Return the result of one task; `revision` is the digest of its dataset."""
    entry = {"hf_subset": "default", "languages": ["eng-Latn"], "main_score": scores[MAIN], **scores}
    return {
        "dataset_revision": revision,
        "task_name": task,
        "mteb_version": FORMAT,
        "scores": {split: [entry]},
        "evaluation_time": None,
        "kg_co2_emissions": None,
    }


def write_mteb(folder: Path, model: str, revision: str, result: Mapping[str, Any]) -> Path:
    """Write the result of one task below `folder`, beside what mteb says of the model, and return its path."""
    place = folder / model.replace("/", "__") / revision
    place.mkdir(parents=True, exist_ok=True)
    meta = {"name": model, "revision": revision, "languages": ["eng-Latn"], "framework": ["PyTorch"]}
    (place / "model_meta.json").write_text(json.dumps(meta, indent=2) + "\n", encoding="utf-8")
    path = place / f"{result['task_name']}.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return path
