"""The table of gains: a row for each comparison that a cell has, none for one that was not made."""

from dataclasses import replace
from pathlib import Path

from crossmodal.experiments.continual.params import Params
from crossmodal.experiments.continual.tables import gains_table
from crossmodal.report.lookup import Numbers
from crossmodal.statistics.numbers import ALL_SEEDS, Number, write_numbers

ROOM = Params.model_validate(
    {
        "dataset": "digits", "cell": "lorsu", "baseline": "lora",
        "cells": {
            "lorsu": {"update": {"kind": "lorsu"}},
            "lora": {"update": {"kind": "lora", "matches": {"kind": "lorsu"}}},
            "frozen": {"update": {"kind": "frozen"}},
        },
    }
)  # fmt: skip
GAIN = Number(
    "continual", "lorsu", ALL_SEEDS, "digits", "test", "clean", "-", "gain_over_lora_average_accuracy", 0.02,
    unit="fraction",
)  # fmt: skip


def test_a_row_for_each_comparison(tmp_path: Path) -> None:
    numbers = [
        GAIN,
        replace(GAIN, metric="gain_over_lora_forgetting", value=-0.03),
        replace(GAIN, metric="gain_over_before_average_accuracy", value=0.01),
        replace(GAIN, cell="lora", metric="gain_over_before_average_accuracy", value=0.04, n_seeds=1),
        replace(GAIN, split="val", metric="gain_over_frozen_average_accuracy", value=0.9),
    ]
    write_numbers(tmp_path / "numbers.parquet", numbers)
    table = gains_table(Numbers.read(tmp_path / "numbers.parquet"), ROOM)
    rows = [
        (
            row.group,
            row.name,
            [shown and shown.number.metric for shown in row.figures],
            row.strong,
            row.caveats,
        )
        for row in table.rows
    ]
    assert rows == [
        ("lorsu", "what it was before", ["gain_over_before_average_accuracy", None], True, ()),
        ("lorsu", "lora", ["gain_over_lora_average_accuracy", "gain_over_lora_forgetting"], True, ()),
        ("lora", "what it was before", ["gain_over_before_average_accuracy", None], False, ("one order",)),
    ]
