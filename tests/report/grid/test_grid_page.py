"""The page of a study with the proposal's whole grid."""

import re

import pandas as pd
import pytest

from crossmodal.experiments.peft.charts import pareto_chart, pareto_frame
from crossmodal.experiments.robustness import frames
from crossmodal.experiments.robustness.charts import severity_chart
from crossmodal.experiments.robustness.records import ShiftFacts
from crossmodal.report.accuracy import accuracy_charts
from crossmodal.report.cells import Grid
from crossmodal.report.page import ReportInputs, render
from crossmodal.report.section import read_section

pytestmark = pytest.mark.slow  # sums up 24 cells by the real code


@pytest.fixture(scope="module")
def page(grid_inputs: ReportInputs) -> str:
    return render(grid_inputs)


def test_the_page_has_every_part_and_its_numbers(page: str, grid_inputs: ReportInputs) -> None:
    for title in ("What no other cell dominates", "Under attack", "Is the robustness real?", "Choice among"):
        assert title in page
    known = {number.number_id for number in grid_inputs.numbers}
    shown = re.findall(r'data-number-id="([^"]+)"', page)
    assert len(shown) > 1000 and known.issuperset(shown)
    groups = re.findall(r'<th scope="rowgroup"[^>]*>([^<]+)<', page)
    assert set(groups) == {"adaptation", "adversarial training", "adapted to fluent"}
    assert page.count("✗ failed") == 1
    assert "Recall is near zero at a radius without a bound." in page


def test_charts_of_many_cells(grid_inputs: ReportInputs) -> None:
    specs = accuracy_charts(grid_inputs.numbers, grid_inputs.grid)
    for question in grid_inputs.questions:
        specs |= read_section(question.section)[1]
    assert set(specs) == {
        *(f"{name}-{d}" for name in ("accuracy", "degradation")
          for d in ("text_to_image", "image_to_text")),
        "pareto-parameters", "pareto-training_seconds", "pareto-latency", "severity", "attack",
    }  # fmt: skip
    attack = frames.attack_frame(grid_inputs.numbers, grid_inputs.grid)
    assert set(attack["threat"]) == {
        "query image, epsilon in 255ths", "gallery image, epsilon in 255ths", "text, epsilon",
    }  # fmt: skip
    query = attack[(attack["cell"] == "full") & attack["threat"].str.startswith("query")]
    assert list(query["epsilon"]) == [0.0, 2.0, 4.0, 8.0]


def test_only_severities_of_one_kind_are_joined(grid_inputs: ReportInputs, facts: dict) -> None:
    shifts = {name: ShiftFacts.model_validate(shift) for name, shift in facts["shifts"].items()}
    numbers, grid = grid_inputs.numbers, Grid.of("openmoji", facts["cells"]).sorted(list)
    frame = frames.severity_frame(numbers, grid, shifts, "mean")
    found = frame.groupby("shift")["severity"].agg(set).to_dict()
    assert found == {"gaussian noise": {1, 3, 5}, "jpeg compression": {2, 4}}, "the others have one severity"
    for row in frame.to_dict("records"):
        kind = {"gaussian noise": "gaussian-noise", "jpeg compression": "jpeg"}[row["shift"]]
        assert f"/{kind}-{row['severity']}/mean/degradation_recall@1" in row["number_id"]
    spec = severity_chart(frame, grid.highlighted, grid.styles).to_dict()
    assert spec["facet"]["field"] == "shift" and spec["facet"]["sort"] == list(found)
    assert not frames.severity_frame(numbers, grid, {}, "mean").size


def test_the_frontier_is_drawn_as_steps(grid_inputs: ReportInputs) -> None:
    frame = pareto_frame(grid_inputs.numbers, grid_inputs.grid, "parameters")
    assert "full-fluent" not in set(frame["cell"]) and len(frame) == 22
    spec = pareto_chart(frame, grid_inputs.grid.styles, "trainable parameters").to_dict()
    line = next(layer for layer in spec["layer"] if layer["mark"]["type"] == "line")
    assert line["mark"]["interpolate"] == "step-after"
    rows = pd.DataFrame(spec["datasets"][line["data"]["name"]])
    assert rows["x"].is_monotonic_increasing and rows["value"].is_monotonic_increasing
    labels = [layer for layer in spec["layer"] if layer["mark"]["type"] == "text"]
    named = [row.get("cell") for layer in labels for row in spec["datasets"][layer["data"]["name"]]]
    assert set(named) >= set(rows["cell"]), "the others where there is room"
