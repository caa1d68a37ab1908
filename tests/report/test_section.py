"""Sections: drawn by jobs of their own, from whatever an experiment has, and joined by the page."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from markupsafe import Markup

from crossmodal import registry
from crossmodal.report.chart_parts import INTERVAL
from crossmodal.report.formatting import SPACE
from crossmodal.report.lookup import Numbers
from crossmodal.report.section import AUDIT, draw_section, grid_of, read_section
from crossmodal.report.tables import figure
from drawn_sections import cell_values, draw, drawing_values
from made_up_numbers import CELLS, metric_rows

FRAME = metric_rows()
SAID = {
    "probes": "probes.probes",
    "peft": "peft.cell",
    "robustness": "robustness.shifts",
    "search": "search.cells",
    "scale": "scale.cell",
    "tuning": "tuning.families",
    "zero_shot": "zero_shot.domains",
    "encoders": "encoders.cells",
    "continual": "continual.dataset",
}
"""The key of params.yaml that an experiment without numbers names."""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "section.html"
    path.write_text(
        '{% import "macros.html" as show with context %}\n'
        "<p>{{ text }}</p>\n{{ show.figure(shown) }}\n"
        '{% for name in charts %}{{ show.chart(name, "Title") }}{% endfor %}\n'
    )
    return path


def test_values_are_escaped_and_numbers_link_to_their_audit(template: Path, tmp_path: Path) -> None:
    numbers = Numbers(FRAME)
    id = "peft/full/s*/openmoji/test/clean/text_to_image/recall@1"
    draw_section(
        tmp_path / "drawn.json", template, {"mine": {"mark": "</script><b>", "title": INTERVAL}}, 0.9,
        text="<script>alert(1)</script> & {{ 7 * 7 }}", shown=figure(numbers, numbers.get(id)),
    )  # fmt: skip
    html, charts = read_section(tmp_path / "drawn.json")
    assert isinstance(html, Markup), "escaped once, and not again"
    assert "<p>&lt;script&gt;alert(1)&lt;/script&gt; &amp; {{ 7 * 7 }}</p>" in html and "<script" not in html
    assert f'<a href="{AUDIT}#{id}" class="value" data-number-id="{id}"' in html
    assert 'data-chart="mine"' in html
    assert charts == {"mine": {"mark": "</script><b>", "title": f"90{SPACE}% {INTERVAL}"}}, (
        "tooltips name the level"
    )


def test_a_section_is_the_same_bytes_for_the_same_inputs(template: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        draw_section(tmp_path / name, template, {}, 0.95, text="ä", shown=None)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert "ä" in (tmp_path / "one").read_text(encoding="utf-8")


def test_a_forgotten_value_and_a_chart_that_json_cannot_hold_are_errors(
    template: Path, tmp_path: Path
) -> None:
    with pytest.raises(Exception, match="'text' is undefined"):
        draw_section(tmp_path / "drawn.json", template, {}, 0.95, shown=None)
    with pytest.raises(ValueError, match="JSON"):
        draw_section(tmp_path / "drawn.json", template, {"x": {"y": float("nan")}}, 0.95, text="", shown=None)
    assert not (tmp_path / "drawn.json").exists()


def test_cells_are_shown_by_their_trainable_parameters_within_their_groups() -> None:
    facts = cell_values(["full", "lora-r8", "lora-r8-pgd", "zero-shot", "bitfit"])
    facts["lora-r8-pgd"]["adversarial"] = True
    facts["bitfit"]["dataset"] = "fluent"
    grid = grid_of({"target": "openmoji", "cells": facts}, Numbers(FRAME), ["full"])
    assert grid.groups == [
        ("adaptation", ["zero-shot", "lora-r8", "full"]),
        ("adversarial training", ["lora-r8-pgd"]),
        ("adapted to fluent", ["bitfit"]),
    ]
    assert grid.home("bitfit") == "fluent" and set(grid.highlighted) == set(facts), "they are few"


def drawn(room: str, frame: Any, folder: Path, **changes: Any) -> tuple[str, dict[str, Any]]:
    html, charts = read_section(
        draw(room, frame, drawing_values(room, cell_values(CELLS), **changes), folder)
    )
    return str(html), charts


@pytest.mark.parametrize("room", registry.rooms())
def test_an_empty_study_still_draws_and_says_what_to_run(room: str, tmp_path: Path) -> None:
    html, charts = drawn(room, FRAME.iloc[:0], tmp_path, roles={})
    assert charts == {} and html.count('<p class="empty">') == 1
    assert "<table" not in html and "<h3>" not in html and "data-chart" not in html
    assert f"<code>{SAID[room]}</code>" in html
    figures = tmp_path / f"{room}.csv"
    assert not figures.exists() or len(figures.read_text().splitlines()) == 1


@pytest.mark.parametrize("room", registry.rooms())
def test_a_section_has_a_box_for_each_of_its_charts_and_states_only_numbers(
    room: str, tmp_path: Path
) -> None:
    html, charts = drawn(room, FRAME, tmp_path)
    assert '<p class="empty">' not in html
    assert sorted(re.findall(r'data-chart="([^"]+)"', html)) == sorted(charts)
    shown = re.findall(r'data-number-id="([^"]+)"', html)
    assert shown and set(shown) <= set(FRAME["number_id"])
    assert json.loads(json.dumps(charts)) == charts


@pytest.mark.parametrize("room", registry.rooms())
def test_the_names_of_an_experiment_never_become_markup(room: str, tmp_path: Path) -> None:
    hostile = "</td><script>alert(1)</script>"
    frame = FRAME.assign(
        variant=FRAME["variant"].replace(
            {"ivf-pq": hostile, "fog-3": hostile, "exhaustive@1000": f"{hostile}@1000"}
        )
    )
    frame["cell"] = frame["cell"].replace({"bitfit": hostile})
    frame["number_id"] = [
        "/".join([e, c, f"s{s}", d, p, v, r, m])
        for e, c, s, d, p, v, r, m in frame[
            ["experiment", "cell", "seed", "dataset", "split", "variant", "direction", "metric"]
        ].itertuples(index=False)
    ]
    cells = cell_values([cell if cell != "bitfit" else hostile for cell in CELLS])
    html, _ = read_section(draw(room, frame, drawing_values(room, cells), tmp_path))
    assert "<script" not in html
    assert ("&lt;script&gt;" in html) == (room not in ("encoders", "continual")), (
        "whose cells params.yaml names, and checks"
    )
    assert html.count("<td") == html.count("</td>")
