"""Charts, table and DVC's figures of H3: what stands in them is what was measured."""

import csv
import math
from pathlib import Path

import pandas as pd
import pytest

from crossmodal.experiments.search.charts import search_chart, search_charts, search_frame
from crossmodal.experiments.search.figures import COLUMNS, search_rows
from crossmodal.experiments.search.jobs import PLOTS
from crossmodal.experiments.search.tables import BLIND_METRICS, blind_table, search_table
from crossmodal.report.figures import write_rows
from crossmodal.report.lookup import Numbers
from crossmodal.report.markdown import table_markdown
from made_up_numbers import metric_rows

FRAME = metric_rows()
NUMBERS = Numbers(FRAME)


def points(spec: dict) -> list[dict]:
    layers = [layer for layer in spec["layer"] if layer["mark"]["type"] == "point"]
    sources = [layer.get("data", spec.get("data")) for layer in layers]  # data that all share stands above
    return [row for source in sources for row in spec["datasets"][source["name"]]]


def test_an_index_with_its_re_ranker_is_of_one_family() -> None:
    frame = search_frame(NUMBERS, cell="lora-r8")
    assert list(frame["family"]) == ["flat", "ivf-pq", "ivf-pq"]
    assert list(frame["kind"]) == ["index alone", "index alone", "with re-ranker"]
    assert (frame["latency"] < frame["latency_high"]).all()
    assert len(points(search_chart(frame).to_dict())) == 3


def test_a_chart_is_drawn_of_what_has_both_recall_and_latency() -> None:
    assert set(search_charts(NUMBERS, "lora-r8")) == {"search-recall", "search-index"}
    without = Numbers(FRAME[~FRAME["metric"].str.startswith("latency")])
    assert search_charts(without, "lora-r8") == {}
    other = search_frame(NUMBERS, cell="full")
    assert list(other["index"]) == ["flat", "ivf-pq", "ivf-pq+rerank"], "else the first cell that is searched"


def test_the_table_has_a_row_for_each_way_to_search() -> None:
    table = search_table(NUMBERS)
    assert [row.name for row in table.rows] == ["flat", "ivf-pq", "ivf-pq+rerank"]
    for row in table.rows:
        assert len(row.figures) == len(table.columns)
        for shown in row.figures:
            assert shown is None or NUMBERS.get(shown.number.number_id) is shown.number
    assert "lost R@10 %" not in table.columns, "a column that nobody fills is left out"
    assert "ivf-pq+rerank" in table_markdown(table)


def test_rows_name_the_cell_where_there_are_several() -> None:
    first = FRAME[FRAME["experiment"] == "search"]
    second = first.assign(cell="full", number_id=first["number_id"].str.replace("lora-r8", "full"))
    table = search_table(Numbers(pd.concat([first, second])))
    assert [row.name for row in table.rows] == [
        f"{cell} · {way}" for cell in ("lora-r8", "full") for way in ("flat", "ivf-pq", "ivf-pq+rerank")
    ]


def test_rows_for_dvc_state_the_numbers_that_they_name(tmp_path: Path) -> None:
    rows = search_rows(NUMBERS)
    assert rows and all(list(row) == COLUMNS for row in rows)
    for row in rows:
        stated = [NUMBERS.get(name).value for name in row["number_ids"].split(";")]
        assert [row[figure] for figure in ("latency_p50_ms", "latency_p95_ms", "recall@10")] == stated
        assert all(map(math.isfinite, stated))
    write_rows(tmp_path / "search.csv", COLUMNS, rows)
    with (tmp_path / "search.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert [float(row["recall@10"]) for row in found] == [row["recall@10"] for row in rows]


def test_undefined_values_are_left_out() -> None:
    frame = FRAME.copy()
    frame.loc[frame["number_id"].str.contains("lora-r8/.*recall@10$"), "value"] = math.nan
    assert search_rows(Numbers(frame)) == []


@pytest.mark.parametrize("plot", PLOTS.values(), ids=list(PLOTS))
def test_plots_are_of_columns_that_the_table_has(plot: dict) -> None:
    assert {plot["x"], plot["y"]} <= set(COLUMNS)


def test_each_second_stage_has_its_shape() -> None:
    rows = FRAME[FRAME["variant"] == "ivf-pq+rerank"]
    exact = rows.assign(
        variant="ivf-pq+exact", number_id=rows["number_id"].str.replace("+rerank", "+exact", regex=False)
    )
    frame = search_frame(Numbers(pd.concat([FRAME, exact])), cell="lora-r8")
    assert dict(zip(frame["index"], frame["family"], strict=True))["ivf-pq+exact"] == "ivf-pq"
    spec = search_chart(frame).to_dict()
    marks = [
        layer["encoding"]["shape"]["scale"] for layer in spec["layer"] if layer["mark"]["type"] == "point"
    ]
    assert marks == [
        {
            "domain": ["index alone", "with re-ranker", "with exact re-scoring"],
            "range": ["circle", "diamond", "square"],
        }
    ]
    assert {row["kind"] for row in points(spec)} == set(marks[0]["domain"])


def test_the_probe_has_a_table_of_its_own() -> None:
    assert not blind_table(NUMBERS).rows
    row = FRAME[FRAME["number_id"].str.endswith("/flat/text_to_image/recall@10")].iloc[:1]
    blind = row.assign(metric="blind_auc", number_id=row["number_id"].str.replace("recall@10", "blind_auc"))
    table = blind_table(Numbers(pd.concat([FRAME, blind])))
    assert [row.name for row in table.rows] == ["flat"] and table.columns == [BLIND_METRICS["blind_auc"]]


def test_the_time_of_a_second_stage_stands_in_one_column() -> None:
    rows = FRAME[FRAME["number_id"].str.endswith("/ivf-pq+rerank/text_to_image/latency_p50")].iloc[:1]
    reranking = rows.assign(
        metric="latency_rerank_p50",
        number_id=rows["number_id"].str.replace("latency", "latency_rerank"),
        value=7.5,
    )
    exact = reranking.assign(
        variant="ivf-pq+exact", metric="latency_exact_p50", value=0.25,
        number_id=reranking["number_id"].str.replace("rerank", "exact"),
    )  # fmt: skip
    table = search_table(Numbers(pd.concat([FRAME, reranking, exact])))
    column = table.columns.index("second stage, p50 ms")
    shown = {row.name: row.figures[column] for row in table.rows}
    assert shown["flat"] is None and shown["ivf-pq"] is None
    assert [shown[f"ivf-pq+{stage}"].number.value for stage in ("rerank", "exact")] == [7.5, 0.25]
