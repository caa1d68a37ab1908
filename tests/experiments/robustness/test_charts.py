"""Charts, tables and DVC's figures of H2: what stands in them is what was measured."""

import csv
import math
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
import pytest

from crossmodal.experiments.robustness.charts import (
    GAIN,
    LOSS,
    attack_chart,
    degradation_chart,
    degradation_map,
    severity_chart,
)
from crossmodal.experiments.robustness.figures import COLUMNS, degradation_rows
from crossmodal.experiments.robustness.frames import (
    ATTACK_COLUMNS,
    DEGRADATION_COLUMNS,
    SEVERITY_COLUMNS,
    degradation_frame,
)
from crossmodal.experiments.robustness.jobs import PLOTS
from crossmodal.experiments.robustness.params import Pair
from crossmodal.experiments.robustness.records import ShiftFacts
from crossmodal.experiments.robustness.tables import (
    PARTS,
    differences_table,
    pairs_table,
    part_of,
    robustness_table,
    severity_of,
    threats_table,
)
from crossmodal.report.cells import Grid
from crossmodal.report.figures import write_rows
from crossmodal.report.lookup import Numbers
from crossmodal.report.tables import Table
from drawn_sections import cell_values
from judged import number
from made_up_numbers import CELLS, metric_rows

NUMBERS = Numbers(metric_rows())
GRID = Grid.of("openmoji", cell_values(CELLS))


def test_charts_draw_every_loss() -> None:
    rendered = degradation_frame(NUMBERS, CELLS, "openmoji", "image_to_text")
    spec = degradation_chart(rendered, CELLS, GRID.styles, (0.05, 0.15)).to_dict()
    assert spec["facet"]["sort"][:2] == ["mean of all shifts", "worst kind"]
    assert spec["usermeta"]["panels"] == 10
    assert sum(len(rows) for rows in spec["datasets"].values()) == len(rendered)
    tiles = degradation_map(rendered, CELLS)
    assert sum(len(rows) for rows in tiles["datasets"].values()) == len(rendered)


def test_the_map_diverges_at_zero_and_names_both_sides() -> None:
    rows = [("a", "fog", False, value, value, value, str(value)) for value in (0.4, 0.0, -0.001, -0.2)]
    spec = degradation_map(pd.DataFrame(rows, columns=DEGRADATION_COLUMNS), ["a"])
    for drawn in (spec, spec["usermeta"]["narrow"]):
        [tiles] = drawn["datasets"].values()
        assert [row["text"] for row in tiles] == ["40", "0", "0", "\N{MINUS SIGN}20"]
        assert [row["sign"] for row in tiles] == [LOSS, LOSS, GAIN, GAIN] and tiles[1]["strength"] == 0
        colour = next(layer["encoding"]["color"] for layer in drawn["layer"] if "color" in layer["encoding"])
        assert colour["scale"]["domain"] == [LOSS, GAIN] and len(set(colour["scale"]["range"])) == 2
        assert colour["legend"]["title"]
    shown = table_with_gains().rows[0].figures
    assert [figure.heat for figure in shown] == [pytest.approx(0.6), pytest.approx(-0.4)]


def table_with_gains() -> Table:
    found = [
        number(f"robustness/full/s*/openmoji/test/{shift}/mean/degradation_recall@1", value, value, value)
        for shift, value in (("fog-3", 0.3), ("jpeg-3", -0.2))
    ]
    numbers = Numbers(pd.DataFrame([asdict(each) | {"number_id": each.number_id} for each in found]))
    return robustness_table(numbers, GRID, {}, "mean", "images")


def test_a_cell_has_one_colour_and_one_shape_in_every_chart() -> None:
    """Whatever else stands in a chart, and in whatever order."""
    cells = [f"lora-r{i}" for i in range(9)]
    grid = Grid.of("openmoji", cell_values(cells), cells[5:6])
    rows = [(cell, "fog", s, 0.1, 0.1, 0.1, f"{cell}{s}") for cell in cells for s in (1, 3)]
    severity = severity_chart(pd.DataFrame(rows, columns=SEVERITY_COLUMNS), grid.highlighted, grid.styles)
    rows = [(cell, "text", "", e, 0.1, 0.1, 0.1, f"{cell}{e}") for cell in cells[3:6] for e in (0, 1)]
    attack = attack_chart(pd.DataFrame(rows, columns=ATTACK_COLUMNS), cells[::-1], grid.styles)
    seen = styles_in(severity.to_dict()), styles_in(attack.to_dict())
    assert [set(found) for found in seen] == [{cells[5]}, set(cells[3:6])]
    for found in seen:
        assert found == {cell: grid.styles[cell] for cell in found}


def styles_in(spec: dict) -> dict[str, tuple[str, str]]:
    """Return the colour and the shape of each cell that the points of small multiples tell apart."""
    points = [layer["encoding"] for layer in spec["spec"]["layer"] if "shape" in layer["encoding"]]
    colour, shape = (points[0][channel]["scale"] for channel in ("color", "shape"))
    assert colour["domain"] == shape["domain"]
    return dict(zip(colour["domain"], zip(colour["range"], shape["range"], strict=True), strict=True))


def test_tables_hold_what_the_numbers_say() -> None:
    summary = robustness_table(NUMBERS, GRID, {}, "text_to_image", "summary")
    assert summary.columns == ["mean of all shifts", "worst kind"]
    images = robustness_table(NUMBERS, GRID, {}, "text_to_image", "images")
    assert {"fog-3", "sketch-3"} <= set(images.columns)
    for table in (summary, images):
        for row in table.rows:
            assert len(row.figures) == len(table.columns)
            for shown in row.figures:
                assert shown is None or NUMBERS.get(shown.number.number_id) is shown.number


def test_more_cells_and_shifts_are_only_more_rows() -> None:
    cells, shifts = [f"lora-r{i}" for i in range(15)], [f"shift-{i}" for i in range(20)]
    numbers = Numbers(metric_rows(cells, shifts))
    grid = Grid.of("openmoji", cell_values(cells))
    parts = {part: robustness_table(numbers, grid, {}, "mean", part) for part in PARTS}
    assert {part: len(table.columns) for part, table in parts.items()} == {
        "summary": 2, "images": 20, "texts": 0,
    }  # fmt: skip
    assert [len(table.rows) for table in parts.values()] == [15, 15, 0]


def test_each_shift_stands_in_one_part() -> None:
    shifts = {
        "typos-3": ShiftFacts(kind="typos", severity=3, modality="texts"),
        "fog-3": ShiftFacts(kind="fog"),
    }
    assert {name: part_of(name, shifts) for name in ("typos-3", "fog-3", "unknown", "shifts-worst")} == {
        "typos-3": "texts", "fog-3": "images", "unknown": "images", "shifts-worst": "summary",
    }  # fmt: skip
    for variant in ("severity-3-mean", "text-shifts-mean", "kind-gaussian-noise-mean"):
        assert part_of(variant, shifts) == "summary"
    assert part_of("kind-3", shifts) == "images"


def test_pairs_stand_beside_each_other() -> None:
    """What both lose, the difference and its p-value; then each summary and shift of the target."""
    place = "robustness/{}/s*/openmoji/test/{}/mean/{}"
    lost, saved = "degradation_recall@1", "degradation_difference_recall@1"
    found = [
        number(place.format(cell, variant, metric), value, value - 0.02, value + 0.02)
        for variant in ("shifts-mean", "kind-fog-mean", "fog-3")
        for cell, metric, value in (
            ("full", lost, 0.3), ("full-pgd", lost, 0.2), ("full-pgd", saved, 0.1),
            ("full-pgd", f"p_value_{saved}", 0.01),
        )
    ]  # fmt: skip
    rows = [asdict(each) | {"number_id": each.number_id} for each in found]
    numbers = Numbers(pd.DataFrame(rows))
    pairs = {
        "full": Pair(standard="full", adversarial="full-pgd"),
        "other": Pair(standard="a", adversarial="b"),
    }
    table = pairs_table(numbers, "openmoji", pairs)
    assert table.groups == [("shifts of images", 4)]
    assert [shown.number.value for shown in table.rows[0].figures] == [0.3, 0.2, 0.1, 0.01]
    assert [row.name for row in table.rows] == ["full", "other"] and not any(table.rows[1].figures)
    by_shift = differences_table(numbers, "openmoji", pairs, "mean")
    assert by_shift.columns == ["mean of all shifts", "mean of fog", "fog-3"]
    assert not differences_table(numbers, "openmoji", {}, "mean")


def test_a_cell_that_was_attacked_on_fewer_queries_says_so() -> None:
    place = "attack/{}/s*/openmoji/test/{}/text_to_image/{}"
    found = [
        replace(number(place.format(cell, variant, metric), 0.3, 0.2, 0.4), n_queries=queries)
        for cell, queries in (("full", 500), ("full-pgd", 500), ("lora-r8", 40))
        for variant, metric in (("text-0", "recall@1"), ("text-0.05", "degradation_recall@1"))
    ]
    rows = [asdict(each) | {"number_id": each.number_id} for each in found]
    grid = Grid.of("openmoji", cell_values(["full", "full-pgd", "lora-r8"]))
    caveats = {row.name: row.caveats for row in threats_table(Numbers(pd.DataFrame(rows)), grid).rows}
    assert caveats == {"full": (), "full-pgd": (), "lora-r8": ("40 queries",)}


@pytest.mark.parametrize(
    ("variant", "severity"),
    [("severity-3-mean", 3), ("severity-x-mean", None), ("severity-3", None), ("my-severity-3-mean", None)],
)
def test_the_severity_of_a_summary_is_read_from_its_name(variant: str, severity: int | None) -> None:
    assert severity_of(variant) == severity


def test_rows_for_dvc_state_the_numbers_that_they_name() -> None:
    rows = degradation_rows(NUMBERS, "openmoji")
    assert rows and all(list(row) == COLUMNS for row in rows)
    for row in rows:
        stated = [NUMBERS.get(name).value for name in row["number_ids"].split(";")]
        assert [row["degradation"]] == stated and all(map(math.isfinite, stated))


def test_tables_are_read_back_exactly(tmp_path: Path) -> None:
    rows = degradation_rows(NUMBERS, "openmoji")
    write_rows(tmp_path / "degradation.csv", COLUMNS, rows)
    with (tmp_path / "degradation.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert [float(row["degradation"]) for row in found] == [row["degradation"] for row in rows]
    assert [row["shift_cell"] for row in found] == [f"{row['shift']} · {row['cell']}" for row in rows]


@pytest.mark.parametrize("plot", PLOTS.values(), ids=list(PLOTS))
def test_plots_are_of_columns_that_the_table_has(plot: dict) -> None:
    assert {plot["x"], plot["y"]} <= set(COLUMNS)
