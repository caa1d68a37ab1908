"""The numbers behind the charts of H2 as small tidy tables, one row a point, each with its `number_id`."""

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from crossmodal.experiments.robustness.records import ShiftFacts
from crossmodal.experiments.robustness.tables import epsilon_label, is_summary, shift_names
from crossmodal.experiments.robustness.threat_names import split_variant
from crossmodal.report.cells import Grid
from crossmodal.report.frames import value_columns
from crossmodal.report.lookup import Numbers

DEGRADATION_COLUMNS = ["cell", "shift", "summary", "value", "ci_low", "ci_high", "number_id"]
SEVERITY_COLUMNS = ["cell", "shift", "severity", "value", "ci_low", "ci_high", "number_id"]
ATTACK_COLUMNS = ["cell", "threat", "attack", "epsilon", "value", "ci_low", "ci_high", "number_id"]


def degradation_frame(numbers: Numbers, cells: Sequence[str], target: str, direction: str) -> pd.DataFrame:
    """Return the relative loss of R@1 (fraction) of each cell under each shift, summaries first."""
    rows = []
    for variant, name in shift_names(numbers, target).items():
        for cell in cells:
            number = numbers.find(
                "robustness",
                "degradation_recall@1",
                cell=cell,
                dataset=target,
                variant=variant,
                direction=direction,
            )
            if number and not math.isnan(number.value):
                rows.append(
                    {"cell": cell, "shift": name, "summary": is_summary(variant), **value_columns(number)}
                )
    return pd.DataFrame(rows, columns=DEGRADATION_COLUMNS)


def severity_frame(
    numbers: Numbers, grid: Grid, shifts: Mapping[str, ShiftFacts], direction: str
) -> pd.DataFrame:
    """Return the loss of R@1 (fraction) of each cell under the shifts that were measured at several severities.

    `shift` is the kind of shift: only severities of one kind can be compared.
    """
    rows = []
    where = {"dataset": grid.target, "direction": direction}
    for number in numbers.select("robustness", "degradation_recall@1", **where):
        facts = shifts.get(number.variant)
        if facts is None or facts.severity is None or number.seed != "*" or math.isnan(number.value):
            continue
        if number.cell in grid.cells:
            graded = {"shift": facts.kind.replace("_", " "), "severity": facts.severity}
            rows.append({"cell": number.cell, **graded, **value_columns(number)})
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
                **value_columns(number),
            }
        )
    frame = pd.DataFrame(rows, columns=[*ATTACK_COLUMNS, "pixels"])
    pixels = frame["threat"].isin(set(frame["threat"][frame["pixels"].astype(bool)]))
    frame["epsilon"] = frame["epsilon"].where(~pixels, frame["epsilon"] * 255)
    units = pixels.map({True: "epsilon in 255ths", False: "epsilon"})
    frame["threat"] = frame["threat"].str.replace("-", " ") + ", " + units
    return frame.sort_values(["threat", "cell", "epsilon"], kind="stable")[ATTACK_COLUMNS]
