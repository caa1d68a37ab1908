"""Charts, table and DVC's figures of H3: what stands in them is what was measured."""

import csv
import math
from pathlib import Path

import pandas as pd
import pytest

from crossmodal.experiments.search.charts import search_chart, search_charts, search_frame
from crossmodal.experiments.search.figures import COLUMNS, search_rows
from crossmodal.experiments.search.jobs import PLOTS
from crossmodal.experiments.search.tables import (
    BLIND_METRICS,
    Searches,
    all_tables,
    blind_table,
    search_table,
)
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
    assert list(frame["kind"]) == ["index alone", "index alone", "another second stage"]
    assert (frame["latency"] < frame["latency_high"]).all()
    assert len(points(search_chart(frame).to_dict())) == 3


def test_a_chart_is_drawn_of_what_has_both_recall_and_latency() -> None:
    assert set(search_charts(NUMBERS, "lora-r8")) == {"search-recall", "search-index"}
    without = Numbers(FRAME[~FRAME["metric"].str.startswith("latency")])
    assert search_charts(without, "lora-r8") == {}
    other = search_frame(NUMBERS, cell="full")
    assert list(other["index"]) == ["flat", "ivf-pq", "ivf-pq+rerank"], "else the first cell that is searched"


def test_the_table_has_a_row_for_each_way_to_search() -> None:
    table = search_table(Searches(NUMBERS, {}))
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
    table = search_table(Searches(Numbers(pd.concat([first, second])), {}))
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
            "domain": ["index alone", "exact re-scoring", "another second stage"],
            "range": ["circle", "square", "diamond"],
        }
    ]
    assert {row["kind"] for row in points(spec)} == set(marks[0]["domain"])


ROOM = {
    "gallery": "own",
    "galleries": {"own": {}, "mixed": {"distractors": ["web"]}},
    "stages": {"csls": {"kind": "csls"}, "rerank": {"kind": "vectors"}},
}


def placed(*numbers: tuple[str, str, str, float]) -> Numbers:
    """Return numbers of variants: (variant, split, metric, value) each."""
    row = FRAME[FRAME["number_id"].str.endswith("/flat/text_to_image/recall@10")].iloc[0]
    rows = []
    for variant, split, metric, value in numbers:
        name = f"search/lora-r8/s*/openmoji/{split}/{variant}/text_to_image/{metric}"
        plain = metric.startswith(("nprobe", "epoch")) and metric != "epoch_zero"
        unit = "ms" if metric.startswith("latency") else "1/s" if metric.startswith("qps") else "fraction"
        rows.append(
            row.to_dict()
            | {"number_id": name, "variant": variant, "split": split, "metric": metric}
            | {"value": value, "unit": "1" if plain else unit, "ci_low": None, "ci_high": None}
        )
    return Numbers(pd.DataFrame(rows))


def names(tables: list, columns: bool = False) -> list:
    return [
        (title, table.columns if columns else [row.name for row in table.rows]) for title, table in tables
    ]


def test_each_gallery_and_each_shift_has_a_table() -> None:
    numbers = placed(
        ("flat", "test", "recall@10", 0.5), ("flat@mixed", "test", "recall@10", 0.4),
        ("ivf-pq+csls", "test", "recall@10", 0.6), ("ivf-pq+csls@typos-3", "test", "recall@10", 0.3),
    )  # fmt: skip
    tables = all_tables(numbers, ROOM)
    assert names(tables["search"]) == [("own", ["flat", "ivf-pq+csls"]), ("mixed", ["flat"])]
    assert tables["search"][0][1].rows[1].caveats == ("transductive",)
    assert names(tables["search-shifted"]) == [("own, typos-3", ["ivf-pq+csls"])]
    assert not any(table for _, table in tables["search-latency"])


def test_a_way_has_the_size_of_its_index() -> None:
    numbers = placed(
        ("ivf-pq@mixed", "test", "bytes", 700.0), ("ivf-pq+rerank@mixed", "test", "recall@10", 0.5),
        ("ivf-pq@mixed", "test", "recall@10", 0.4),
    )  # fmt: skip
    ((_, table),) = all_tables(numbers, ROOM)["search"]
    assert [[shown and shown.number.value for shown in row.figures] for row in table.rows] == [
        [0.4, 700.0],
        [0.5, 700.0],
    ]


def test_parts_of_a_query_stand_under_their_names_and_encoding_comes_first() -> None:
    numbers = placed(
        ("ivf-pq+rerank@mixed", "test", "latency_search_p50", 0.2),
        ("ivf-pq+rerank@mixed", "test", "latency_rerank_p50", 2.0),
        ("ivf-pq+rerank@mixed", "test", "qps", 400.0),
        ("ivf-pq+rerank@mixed", "test", "latency_batch16_p50", 20.0),
        ("ivf-pq+rerank@mixed", "test", "qps_batch16", 800.0),
        ("-", "test", "latency_encode_p50", 6.0),
        ("-", "test", "latency_encode_batch16_p50", 30.0),
    )
    ((_, table),) = all_tables(numbers, ROOM)["search-latency"]
    assert table.groups == [("search", 1), ("rerank", 1), ("one at a time", 1), ("batches of 16", 2)]
    values = {row.name: [shown and shown.number.value for shown in row.figures] for row in table.rows}
    assert values == {
        "encoding the caption": [6.0, None, None, 30.0, None],
        "ivf-pq+rerank": [0.2, 2.0, 400.0, 20.0, 800.0],
    }


def test_what_validation_data_chose_is_told_for_captions_and_images_apart() -> None:
    numbers = placed(
        ("ivf-pq", "val", "nprobe_text", 8.0), ("ivf-pq", "val", "nprobe_image", 2.0),
        ("ivf-pq", "test", "recall@10", 0.4),
        ("ivf-pq+rerank", "val", "epoch", 0.0), ("ivf-pq+rerank", "val", "epoch_zero", 1.0),
    )  # fmt: skip
    tables = all_tables(numbers, ROOM)
    ((_, points),) = tables["search-points"]
    assert points.groups == [("captions ask", 1), ("images ask", 1)]
    assert [row.name for row in points.rows] == ["ivf-pq in own"]
    ((_, stages),) = tables["search-stages"]
    assert [row.name for row in stages.rows] == ["rerank"]
    assert [shown.text for shown in stages.rows[0].figures] == ["0", "100.0"]


def test_the_probe_has_a_table_of_its_own() -> None:
    assert not blind_table(Searches(NUMBERS, {})).rows
    row = FRAME[FRAME["number_id"].str.endswith("/flat/text_to_image/recall@10")].iloc[:1]
    blind = row.assign(metric="blind_auc", number_id=row["number_id"].str.replace("recall@10", "blind_auc"))
    table = blind_table(Searches(Numbers(pd.concat([FRAME, blind])), {}))
    assert [row.name for row in table.rows] == ["flat"] and table.columns == [BLIND_METRICS["blind_auc"]]
