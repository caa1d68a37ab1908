"""What DVC shows of every study: each figure is a number of the table, found by the ids that its row names."""

import json
import math
from pathlib import Path

import pytest

from crossmodal import registry
from crossmodal.provenance.dvc import PLOTS, plots
from crossmodal.report.figures import ACCURACY, accuracy_rows, headline, write_headline
from crossmodal.report.lookup import Numbers
from made_up_numbers import CELLS, hypothesis_rows, metric_rows

HYPOTHESES = hypothesis_rows()


def test_rows_state_the_numbers_that_they_name() -> None:
    numbers = Numbers(metric_rows())
    rows = accuracy_rows(numbers, "openmoji")
    assert rows and all(list(row) == ACCURACY for row in rows)
    for row in rows:
        stated = [numbers.get(name).value for name in row["number_ids"].split(";")]
        assert [
            row[figure] for figure in ("parameters_trainable", "text_to_image", "image_to_text")
        ] == stated
        assert all(map(math.isfinite, stated))


def test_headline_has_every_claim_and_every_cell(tmp_path: Path) -> None:
    numbers = Numbers(metric_rows())
    shown = headline(numbers, HYPOTHESES, "openmoji")
    claims = [f"{name}.{claim}" for name, listed in shown["hypotheses"].items() for claim in listed]
    assert claims == [entry["id"] for entry in HYPOTHESES]
    assert shown["hypotheses"]["H3"]["latency"] == HYPOTHESES[-1]["measured"]
    assert list(shown["cells"]) == list(CELLS)
    for cell, figures in shown["cells"].items():
        for direction in ("text_to_image", "image_to_text"):
            for metric in ("recall@1", "recall@5", "recall@10"):
                name = f"peft/{cell}/s*/openmoji/test/clean/{direction}/{metric}"
                assert figures[direction][metric] == numbers.get(name).value
        assert figures["parameters_share"] == numbers.get(f"peft/{cell}/s*/-/-/-/-/parameters_share").value
    write_headline(tmp_path / "headline.json", shown)
    assert json.loads((tmp_path / "headline.json").read_text()) == shown


def test_undefined_values_are_left_out(tmp_path: Path) -> None:
    frame = metric_rows()
    frame.loc[
        frame["number_id"].str.contains("lora-r8/.*(?:recall@1|recall@10|parameters_share)$"), "value"
    ] = math.nan
    claims = [{**HYPOTHESES[0], "measured": None}, {**HYPOTHESES[1], "measured": math.nan}]
    shown = headline(Numbers(frame), claims, "openmoji")
    assert shown["hypotheses"] == {}
    assert "parameters_share" not in shown["cells"]["lora-r8"]
    assert list(shown["cells"]["lora-r8"]["text_to_image"]) == ["recall@5"]
    assert "lora-r8" not in [row["cell"] for row in accuracy_rows(Numbers(frame), "openmoji")]
    with pytest.raises(ValueError, match="JSON"):
        write_headline(tmp_path / "headline.json", {"cells": math.nan})


def test_plots_are_of_columns_that_the_tables_have() -> None:
    columns = {"accuracy-parameters": ACCURACY}
    assert set(PLOTS) == set(columns)
    for room in registry.rooms():
        own = getattr(registry.room(room, "jobs"), "PLOTS", {})
        columns |= {name: registry.room(room, "figures").COLUMNS for name in own}
    assert (
        {"accuracy-parameters", "degradation", "recall-latency", "learning-rates"}
        <= set(columns)
        == set(plots())
    )
    for name, plot in plots().items():
        named = [plot["x"], *([plot["y"]] if isinstance(plot["y"], str) else plot["y"])]
        assert set(named) <= set(columns[name])
