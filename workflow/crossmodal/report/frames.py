"""The numbers behind each chart as small tidy tables, one row a point, each with its `number_id`."""

import math
from collections.abc import Sequence

import pandas as pd

from crossmodal.report.lookup import Number, Numbers
from crossmodal.report.tables import SHIFT_TITLES, shift_names

ACCURACY_COLUMNS = ["cell", "parameters", "value", "ci_low", "ci_high", "number_id"]
DEGRADATION_COLUMNS = ["cell", "shift", "summary", "value", "ci_low", "ci_high", "number_id"]
SEARCH_COLUMNS = [
    "index", "family", "reranked", "latency", "latency_high", "value", "ci_low", "ci_high", "number_id",
]  # fmt: skip
RERANK = "+rerank"


def accuracy_frame(
    numbers: Numbers, cells: Sequence[str], dataset: str, direction: str, metric: str = "recall@1"
) -> pd.DataFrame:
    """Return recall (fraction) and trainable parameters (0 for zero-shot) of the cells that have both."""
    rows = []
    for cell in cells:
        recall = numbers.find(
            "peft", metric, cell=cell, dataset=dataset, split="test", variant="clean", direction=direction
        )
        parameters = numbers.find("peft", "parameters_trainable", cell=cell)
        if recall and parameters and not math.isnan(recall.value):
            rows.append({"cell": cell, "parameters": parameters.value, **_value(recall)})
    return pd.DataFrame(rows, columns=ACCURACY_COLUMNS)


def degradation_frame(
    numbers: Numbers, cells: Sequence[str], target: str, direction: str, *, datasets: bool = False
) -> pd.DataFrame:
    """Return the relative loss of R@1 (fraction) of each cell under each shift, summaries first.

    Shifts are those of the target's own test images or, with `datasets`, other datasets seen as shifts: these
    can be much harder or easier and need an axis of their own.
    """
    rows = []
    for (dataset, variant), name in shift_names(numbers, target).items():
        for cell in cells if (variant == "clean") == datasets else ():
            number = numbers.find(
                "robustness",
                "degradation_recall@1",
                cell=cell,
                dataset=dataset,
                variant=variant,
                direction=direction,
            )
            if number and not math.isnan(number.value):
                rows.append(
                    {"cell": cell, "shift": name, "summary": variant in SHIFT_TITLES, **_value(number)}
                )
    return pd.DataFrame(rows, columns=DEGRADATION_COLUMNS)


def search_frame(numbers: Numbers, metric: str = "recall@10", cell: str | None = None) -> pd.DataFrame:
    """Return recall (fraction) and latency (p50 and p99, ms) of the indexes of `cell` that have both.

    `family` is the name of the index without its re-ranker. Without `cell`, the first cell in the table.
    """
    cells = numbers.distinct("cell", experiment="search", metric=metric)
    chosen = cell if cell in cells else (cells[0] if cells else "")
    rows: list[dict[str, object]] = []
    measured = numbers.select("search", metric, cell=chosen)
    for dataset, variant in dict.fromkeys((n.dataset, n.variant) for n in measured):
        where = {"cell": chosen, "dataset": dataset, "variant": variant}
        recall = numbers.find("search", metric, **where)  # over seeds, as the latencies are
        median = numbers.find("search", "latency_p50", **where)
        tail = numbers.find("search", "latency_p99", **where)
        if not (median and median.value > 0) or recall is None or math.isnan(recall.value):
            continue
        rows.append(
            {
                "index": recall.variant,
                "family": recall.variant.removesuffix(RERANK),
                "reranked": recall.variant.endswith(RERANK),
                "latency": median.value,
                "latency_high": tail.value if tail else median.value,
                **_value(recall),
            }
        )
    return pd.DataFrame(rows, columns=SEARCH_COLUMNS)


def _value(number: Number) -> dict[str, float | str]:
    """Return value, interval and id; a number without an interval gets one of no width."""
    return {
        "value": number.value,
        "ci_low": number.value if number.ci_low is None else number.ci_low,
        "ci_high": number.value if number.ci_high is None else number.ci_high,
        "number_id": number.number_id,
    }
