"""What DVC shows: every figure is a number of the table, found by the ids that its row names."""

import csv
import json
import math
from pathlib import Path

import pytest
from crossmodal.report.dvc_figures import (
    ACCURACY,
    DEGRADATION,
    SEARCH,
    accuracy_rows,
    degradation_rows,
    headline,
    search_rows,
    write_headline,
    write_rows,
)

from crossmodal.provenance.dvc import PLOTS
from crossmodal.report.lookup import Numbers
from crossmodal.report.page import ReportInputs

TABLES = (
    (accuracy_rows, ACCURACY, ("parameters_trainable", "text_to_image", "image_to_text")),
    (degradation_rows, DEGRADATION, ("degradation",)),
    (lambda numbers, target: search_rows(numbers), SEARCH, ("latency_p50_ms", "latency_p95_ms", "recall@10")),
)


@pytest.mark.parametrize(("rows_of", "columns", "figures"), TABLES)
def test_rows_state_the_numbers_that_they_name(inputs: ReportInputs, rows_of, columns, figures) -> None:
    numbers = Numbers(inputs.numbers)
    rows = rows_of(numbers, inputs.target)
    assert rows and all(list(row) == columns for row in rows)
    for row in rows:
        stated = [numbers.get(name).value for name in row["number_ids"].split(";")]
        assert [row[figure] for figure in figures] == stated
        assert all(map(math.isfinite, stated))


def test_headline_has_every_claim_and_every_cell(inputs: ReportInputs, tmp_path: Path) -> None:
    numbers = Numbers(inputs.numbers)
    shown = headline(numbers, inputs.hypotheses, inputs.target)
    claims = [f"{name}.{claim}" for name, listed in shown["hypotheses"].items() for claim in listed]
    assert claims == [entry["id"] for entry in inputs.hypotheses]
    assert shown["hypotheses"]["H3"]["latency"] == inputs.hypotheses[-1]["measured"]
    assert list(shown["cells"]) == inputs.cells
    for cell, figures in shown["cells"].items():
        for direction in ("text_to_image", "image_to_text"):
            for metric in ("recall@1", "recall@5", "recall@10"):
                name = f"peft/{cell}/s*/openmoji/test/clean/{direction}/{metric}"
                assert figures[direction][metric] == numbers.get(name).value
        assert figures["parameters_share"] == numbers.get(f"peft/{cell}/s*/-/-/-/-/parameters_share").value
    write_headline(tmp_path / "headline.json", shown)
    assert json.loads((tmp_path / "headline.json").read_text()) == shown


def test_undefined_values_are_left_out(inputs: ReportInputs, tmp_path: Path) -> None:
    frame = inputs.numbers
    frame.loc[
        frame["number_id"].str.contains("lora-r8/.*(?:recall@1|recall@10|parameters_share)$"), "value"
    ] = math.nan
    claims = [{**inputs.hypotheses[0], "measured": None}, {**inputs.hypotheses[1], "measured": math.nan}]
    shown = headline(Numbers(frame), claims, inputs.target)
    assert shown["hypotheses"] == {}
    assert "parameters_share" not in shown["cells"]["lora-r8"]
    assert list(shown["cells"]["lora-r8"]["text_to_image"]) == ["recall@5"]
    assert "lora-r8" not in [row["cell"] for row in accuracy_rows(Numbers(frame), inputs.target)]
    assert search_rows(Numbers(frame)) == []
    with pytest.raises(ValueError, match="JSON"):
        write_headline(tmp_path / "headline.json", {"cells": math.nan})


def test_tables_are_read_back_exactly(inputs: ReportInputs, tmp_path: Path) -> None:
    rows = degradation_rows(Numbers(inputs.numbers), inputs.target)
    write_rows(tmp_path / "degradation.csv", DEGRADATION, rows)
    with (tmp_path / "degradation.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert [float(row["degradation"]) for row in found] == [row["degradation"] for row in rows]
    assert [row["shift_cell"] for row in found] == [f"{row['shift']} · {row['cell']}" for row in rows]


def test_plots_are_of_columns_that_the_tables_have() -> None:
    columns = {"accuracy-parameters": ACCURACY, "degradation": DEGRADATION, "recall-latency": SEARCH}
    assert set(PLOTS) == set(columns)
    for name, plot in PLOTS.items():
        named = [plot["x"], *([plot["y"]] if isinstance(plot["y"], str) else plot["y"])]
        assert set(named) <= set(columns[name])
