"""The numbers behind each chart as small tidy tables, one row a point, each with its `number_id`."""

import math
from collections.abc import Sequence

import pandas as pd

from crossmodal.evaluation.threat_names import split_variant
from crossmodal.report.adaptation_tables import pareto_cost
from crossmodal.report.cells import Grid
from crossmodal.report.lookup import Number, Numbers
from crossmodal.report.robustness_tables import epsilon_label, is_summary, shift_names

ACCURACY_COLUMNS = ["cell", "parameters", "value", "ci_low", "ci_high", "number_id"]
DEGRADATION_COLUMNS = ["cell", "shift", "summary", "value", "ci_low", "ci_high", "number_id"]
SEARCH_COLUMNS = [
    "index", "family", "reranked", "latency", "latency_high", "value", "ci_low", "ci_high", "number_id",
]  # fmt: skip
PARETO_COLUMNS = [
    "cell",
    "group",
    "cost",
    "frontier",
    "probability",
    "value",
    "ci_low",
    "ci_high",
    "number_id",
]
SEVERITY_COLUMNS = ["cell", "shift", "severity", "value", "ci_low", "ci_high", "number_id"]
ATTACK_COLUMNS = ["cell", "threat", "attack", "epsilon", "value", "ci_low", "ci_high", "number_id"]
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
                rows.append({"cell": cell, "shift": name, "summary": is_summary(variant), **_value(number)})
    return pd.DataFrame(rows, columns=DEGRADATION_COLUMNS)


def pareto_frame(numbers: Numbers, grid: Grid, kind: str) -> pd.DataFrame:
    """Return R@1 on the target (fraction, mean of both directions) and a cost of the cells that are compared.

    `frontier` says whether no other cell dominates, `probability` in what share of resamples.
    """
    place = {"dataset": grid.target, "split": "test", "variant": "clean", "direction": "mean"}
    rows = []
    for cell in grid.cells:
        found = [
            numbers.find("peft", metric, cell=cell, **place)
            for metric in ("recall@1", f"pareto_{kind}", f"pareto_{kind}_probability")
        ]
        recall, member, share = found
        cost = pareto_cost(numbers, cell, kind)
        if recall and member and share and cost and not math.isnan(recall.value + cost.value):
            facts = {"cell": cell, "group": grid.group_of(cell), "cost": cost.value}
            known = {"frontier": member.value == 1, "probability": share.value}
            rows.append(facts | known | _value(recall))
    return pd.DataFrame(rows, columns=PARETO_COLUMNS)


def severity_frame(numbers: Numbers, grid: Grid, direction: str) -> pd.DataFrame:
    """Return the loss of R@1 (fraction) of each cell under the shifts that were measured at several severities.

    `shift` is the kind of shift: only severities of one kind can be compared.
    """
    rows = []
    where = {"dataset": grid.target, "direction": direction}
    for number in numbers.select("robustness", "degradation_recall@1", **where):
        kind, severity = grid.severities.get(number.variant, ("", 0))
        if kind and number.seed == "*" and number.cell in grid.cells and not math.isnan(number.value):
            shift = kind.replace("_", " ")
            rows.append({"cell": number.cell, "shift": shift, "severity": severity, **_value(number)})
    frame = pd.DataFrame(rows, columns=SEVERITY_COLUMNS)
    several = frame.groupby("shift")["severity"].transform("nunique") > 1
    return frame[several].sort_values(["shift", "cell", "severity"], kind="stable")


def attack_frame(numbers: Numbers, grid: Grid) -> pd.DataFrame:
    """Return R@1 (fraction) of each cell under each attack on its own dataset.

    `threat` is its title with the unit of `epsilon`: 255ths of the pixel range where the set is named so.
    """
    rows = []
    for number in numbers.select("attack", "recall@1"):
        if number.seed != "*" or number.cell not in grid.cells or number.dataset != grid.home(number.cell):
            continue
        threat, epsilon = split_variant(number.variant)
        rows.append(
            {
                "cell": number.cell,
                "threat": threat,
                "attack": f"epsilon {epsilon_label(number.variant)}",
                "epsilon": epsilon,
                "pixels": "of255" in number.variant,
                **_value(number),
            }
        )
    frame = pd.DataFrame(rows, columns=[*ATTACK_COLUMNS, "pixels"])
    pixels = frame["threat"].isin(set(frame["threat"][frame["pixels"].astype(bool)]))
    frame["epsilon"] = frame["epsilon"].where(~pixels, frame["epsilon"] * 255)
    units = pixels.map({True: "epsilon in 255ths", False: "epsilon"})
    frame["threat"] = frame["threat"].str.replace("-", " ") + ", " + units
    return frame.sort_values(["threat", "cell", "epsilon"], kind="stable")[ATTACK_COLUMNS]


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
