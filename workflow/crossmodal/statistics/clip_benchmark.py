"""The retrieval numbers in CLIP_benchmark's JSON layout, for tools that read its results.

Its `image_retrieval_recall@k` is our text_to_image and its `text_retrieval_recall@k` our image_to_text. It
too counts a query as answered if any positive is in the first k. It differs in two points: its positives are
the pairs of an image and its own captions only, ours are all with an equal label (the same where each image
has a label of its own); and ties fall as torch.topk leaves them, ours by the worst case (the same without
ties).
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from crossmodal.statistics.metrics import RECALL_CUTOFFS
from crossmodal.statistics.numbers import ALL_SEEDS, Number

TASKS = {"text_to_image": "image_retrieval", "image_to_text": "text_retrieval"}
_METRICS = {f"recall@{k}" for k in RECALL_CUTOFFS}


def to_clip_benchmark(numbers: Iterable[Number], models: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return one record for each (cell, seed, dataset, variant) with recall@1, 5 and 10 of both directions.

    `models` names the base model of each cell; `pretrained` becomes "<cell>-s<seed>", `dataset` "<dataset>" or
    for a shift "<dataset>-<variant>". Aggregates over seeds and results of indexes are left out.
    """
    records: dict[tuple[str, str, str], dict[str, Any]] = {}
    for number in numbers:
        wanted = number.metric in _METRICS and number.direction in TASKS and number.seed != ALL_SEEDS
        if not wanted or number.experiment not in ("peft", "robustness"):
            continue
        dataset = number.dataset if number.variant == "clean" else f"{number.dataset}-{number.variant}"
        pretrained = f"{number.cell}-s{number.seed}"
        record = records.setdefault(
            (pretrained, dataset, number.split),
            {
                "dataset": dataset,
                "model": models[number.cell],
                "pretrained": pretrained,
                "task": "zeroshot_retrieval",
                "language": "en",
                "metrics": {},
            },
        )
        record["metrics"][f"{TASKS[number.direction]}_{number.metric}"] = number.value
    return list(records.values())


def write_clip_benchmark(path: Path, numbers: Iterable[Number], models: Mapping[str, str]) -> None:
    """Write the records to one JSON file, as a list."""
    content = json.dumps(to_clip_benchmark(numbers, models), indent=2)
    path.write_text(content + "\n", encoding="utf-8")
