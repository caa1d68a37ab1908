"""What DVC shows of a study (`dvc metrics`, `dvc plots`): figures looked up, each row with its number ids.

An undefined value is left out, so that every number in the files is finite.
"""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

from crossmodal.report.lookup import Number, Numbers
from crossmodal.report.tables import DIRECTIONS, RECALLS

SEPARATOR = ";"
"""Between number ids in one field."""

Rows = list[dict[str, Any]]

ACCURACY = ["cell", "parameters_trainable", *DIRECTIONS, "number_ids"]


def headline(numbers: Numbers, hypotheses: Sequence[Mapping[str, Any]], target: str) -> dict[str, Any]:
    """Return the figures to follow from run to run, as nested mappings of finite numbers.

    `hypotheses` has the measured value of each claim, by hypothesis and claim, in the claim's unit; `cells`
    has each cell's recall (fraction) on the clean test set of `target`, by direction, and the share of its
    parameters that is trained.
    """
    claims: dict[str, dict[str, float]] = {}
    for entry in hypotheses:
        hypothesis, _, claim = str(entry["id"]).partition(".")
        if _finite(entry["measured"]):
            claims.setdefault(hypothesis, {})[claim or "measured"] = float(entry["measured"])
    cells = {cell: _cell(numbers, cell, target) for cell in cells_on(numbers, target)}
    return {"hypotheses": claims, "cells": cells}


def _cell(numbers: Numbers, cell: str, target: str) -> dict[str, Any]:
    clean = {"dataset": target, "split": "test", "variant": "clean"}
    shown: dict[str, Any] = {}
    for direction in DIRECTIONS:
        found = {m: numbers.find("peft", m, cell=cell, direction=direction, **clean) for m in RECALLS}
        shown[direction] = {metric: number.value for metric, number in found.items() if defined(number)}
    share = numbers.find("peft", "parameters_share", cell=cell)
    return shown | ({"parameters_share": share.value} if defined(share) else {})


def accuracy_rows(numbers: Numbers, target: str) -> Rows:
    """Return trainable parameters and recall@1 (fraction) in both directions of the cells that have them."""
    clean = {"dataset": target, "split": "test", "variant": "clean"}
    rows = []
    for cell in cells_on(numbers, target):
        parameters = numbers.find("peft", "parameters_trainable", cell=cell)
        found = {d: numbers.find("peft", "recall@1", cell=cell, direction=d, **clean) for d in DIRECTIONS}
        recalls = {direction: number for direction, number in found.items() if defined(number)}
        if defined(parameters) and len(recalls) == len(DIRECTIONS):
            row: dict[str, Any] = {"cell": cell, "parameters_trainable": parameters.value}
            row |= {direction: number.value for direction, number in recalls.items()}
            rows.append(row | {"number_ids": joined_ids(parameters, *recalls.values())})
    return rows


def write_rows(path: Path, columns: Sequence[str], rows: Rows) -> None:
    """Write `rows` to `path` as CSV with a header, numbers in full precision."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_headline(path: Path, figures: Mapping[str, Any]) -> None:
    """Write `figures` to `path` as indented JSON; ValueError for a number that JSON does not know."""
    path.write_text(json.dumps(figures, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def cells_on(numbers: Numbers, target: str) -> list[str]:
    """Return the cells with a recall on the clean test set of `target`."""
    clean = {"dataset": target, "split": "test", "variant": "clean"}
    return numbers.distinct("cell", experiment="peft", metric="recall@1", **clean)


def joined_ids(*numbers: Number) -> str:
    """Return the ids of `numbers` as one field."""
    return SEPARATOR.join(number.number_id for number in numbers)


def defined(number: Number | None) -> TypeGuard[Number]:
    """Return whether there is such a number, with a finite value."""
    return number is not None and math.isfinite(number.value)


def _finite(value: Any) -> bool:
    return value is not None and math.isfinite(value)
