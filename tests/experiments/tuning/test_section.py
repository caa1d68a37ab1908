"""What is shown of tuning: tables, chart and DVC's figures state the numbers that they name."""

import json
import math
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import pytest

from crossmodal.experiments.tuning.charts import family_styles, tuning_charts, tuning_frame
from crossmodal.experiments.tuning.figures import COLUMNS, tuning_rows
from crossmodal.experiments.tuning.jobs import PLOTS
from crossmodal.experiments.tuning.numbers import tuning_numbers
from crossmodal.experiments.tuning.tables import chosen_table, edge_families, rates_table
from crossmodal.report.cell_styles import styles_of
from crossmodal.report.lookup import Numbers
from crossmodal.report.markdown import table_markdown
from crossmodal.report.section import read_section
from crossmodal.statistics.numbers import SCHEMA
from drawn_sections import cell_values, draw, drawing_values
from tuning_runs import tuning_records

RATES = ("1.0e-04", "1.0e-03", "1.0e-02")
RECORDS = [
    *tuning_records(dict(zip(RATES, [(0.3, 0.32), (0.4, 0.46), (None, 0.1)], strict=True))),
    *tuning_records(dict(zip(RATES, [(0.5, 0.52), (0.4, 0.46), (0.1, 0.1)], strict=True)), "full"),
]


def table_of(records: list) -> pd.DataFrame:
    rows = [{"number_id": number.number_id, **asdict(number)} for number in tuning_numbers(records)]
    return pd.DataFrame(rows, columns=SCHEMA.names)


FRAME = table_of(RECORDS)
NUMBERS = Numbers(FRAME)


def test_the_table_has_each_family_with_what_was_chosen_and_for_which_cells() -> None:
    table = chosen_table(NUMBERS, {"lora": ["lora-r8", "lora-r4"]})
    assert [(row.name, row.note) for row in table.rows] == [("lora", "lora-r8, lora-r4"), ("full", "")]
    assert [[shown.text for shown in row.figures] for row in table.rows] == [
        ["0.001", "43.0", "12.0", "2.8", "no"],
        ["0.0001", "51.0", "8.0", "2.8", "yes"],
    ]
    assert edge_families(NUMBERS) == ["full"]
    for shown in (figure for row in table.rows for figure in row.figures):
        assert NUMBERS.get(shown.number.number_id) is shown.number
    assert "| lora |" in table_markdown(table).replace("  ", " ")


def test_the_table_of_rates_tints_the_chosen_one_and_leaves_out_what_diverged() -> None:
    table = rates_table(NUMBERS)
    assert table.columns == ["0.0001", "0.001", "0.01"]
    lora, full = table.rows
    assert [shown.heat for shown in lora.figures] == [0, 1, 0] and [shown.heat for shown in full.figures] == [
        1,
        0,
        0,
    ]
    assert [shown.text for shown in lora.figures] == ["31.0", "43.0", "–"]


def test_the_chart_has_a_point_for_each_rate_with_a_result_and_a_ring_for_each_choice() -> None:
    frame = tuning_frame(NUMBERS)
    assert len(frame) == 5 and frame["chosen"].sum() == 2
    assert ((frame["high"] - frame["value"]) - frame["deviation"]).abs().max() < 1e-12
    chart = tuning_charts(NUMBERS, {}, {})["tuning-rates"]
    assert json.loads(json.dumps(chart, allow_nan=False)) == chart
    assert tuning_charts(Numbers(FRAME.iloc[:0]), {}, {}) == {}


def test_a_family_looks_as_the_first_of_its_cells_does() -> None:
    cells = styles_of(["adapter", "full", "lora-r4", "lora-r8"])
    found = family_styles(["lora", "full"], {"lora": ["lora-r8", "lora-r4"], "full": ["gone", "full"]}, cells)
    assert found == {"lora": cells["lora-r8"], "full": cells["full"]}


def test_over_one_seed_there_is_no_deviation() -> None:
    told = tuning_frame(Numbers(table_of(tuning_records({"1.0e-03": (0.4,)}))))["told"]
    assert list(told) == ["– (one seed)"]
    assert set(tuning_frame(NUMBERS)["told"]) >= {"1.4\N{NO-BREAK SPACE}%"}


def test_rows_for_dvc_state_the_numbers_that_they_name() -> None:
    rows = tuning_rows(NUMBERS)
    assert len(rows) == 5 and all(list(row) == COLUMNS for row in rows)
    for row in rows:
        stated = [NUMBERS.get(name).value for name in row["number_ids"].split(";")]
        assert [row["learning_rate"], row["validation_mrr"]] == stated
        assert row["log10_learning_rate"] == pytest.approx(math.log10(row["learning_rate"]))
    assert [(row["cell"], row["learning_rate"]) for row in rows if row["chosen"]] == [
        ("lora", 1e-3),
        ("full", 1e-4),
    ]


@pytest.mark.parametrize("plot", PLOTS.values(), ids=list(PLOTS))
def test_plots_are_of_columns_that_the_table_has(plot: dict) -> None:
    assert {plot["x"], plot["y"]} <= set(COLUMNS)


def drawn(frame: pd.DataFrame, folder: Path) -> str:
    return str(
        read_section(draw("tuning", frame, drawing_values("tuning", cell_values(["full"])), folder))[0]
    )


def test_the_section_warns_of_a_choice_at_an_edge(tmp_path: Path) -> None:
    assert "At an edge of the grid: full." in drawn(FRAME, tmp_path)
    inside = table_of([record for record in RECORDS if record.family == "lora"])
    assert "At an edge" not in drawn(inside, tmp_path)
    nothing = table_of(tuning_records({rate: (None, None) for rate in RATES}))
    assert "<table" in drawn(nothing, tmp_path) and "At an edge" not in drawn(nothing, tmp_path)
