"""The numbers of galleries of three sizes, made up as their jobs write them, and what is shown of them."""

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crossmodal.errors import UserError
from crossmodal.experiments.scale import numbers as numbers_job
from crossmodal.experiments.scale import section as section_job
from crossmodal.experiments.scale.answer import table_of
from crossmodal.experiments.scale.charts import CHARTS, scale_charts, scale_frame
from crossmodal.experiments.scale.gather_real import write_items
from crossmodal.experiments.scale.growth import exponent
from crossmodal.experiments.scale.records import Times
from crossmodal.experiments.scale.timed import read_times
from crossmodal.report.cells import Grid
from crossmodal.report.lookup import Numbers
from crossmodal.report.markdown import table_markdown
from crossmodal.report.section import read_section
from crossmodal.statistics.numbers import read_numbers
from crossmodal.statistics.settings import StatisticsParameters
from crossmodal.statistics.timed import is_timed

SIZES, REAL, QUERIES, PROCESSES = (100, 300, 1000), 150, 60, 2
ROOM = {
    "cell": "lora-r8", "sizes": list(SIZES), "sources": ["web"], "shard": 600, "exhaustive_up_to": 100,
    "index": {"kind": "ivf_pq", "m": 8, "refinement": {"precision": "float16"}},
    "latency": {"processes": PROCESSES},
}  # fmt: skip
SPEC = {
    "parameters": {
        "room": ROOM, "target": "openmoji", "statistics": {"resamples": 300, "level": 0.95},
        "cells": {"lora-r8": {"dataset": "openmoji", "model": "towers", "method": "lora", "adversarial": False}},
    }
}  # fmt: skip
PLACE = "scale/lora-r8/s*/openmoji/test/{}/text_to_image/{}"


def write(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def timing(system: str, batch: int, scale: float, generator: np.random.Generator) -> dict:
    samples = (scale * batch**0.8 * generator.gamma(9, 1 / 9, size=200)).tolist()
    refine = [0.25 * sample for sample in samples]
    parts = {"search": [0.75 * sample for sample in samples]} | (
        {"refine": refine} if "exact" in system else {}
    )
    return {"system": system, "batch": batch, "samples_ms": samples, "parts_ms": parts}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Files of a run of three sizes: times grow with the square root of items, codes take ten bytes an item."""
    run = tmp_path_factory.mktemp("results") / "scale/lora-r8/s0"
    generator = np.random.default_rng(0)
    found: dict[str, list[Path]] = {
        name: [] for name in ("cards", "points", "costs", "answers", "judged", "times")
    }
    for size in SIZES:
        folder = run / str(size)
        held = {
            "codes": 8 * size,
            "ids": 8 * size,
            "centroids": 400,
            "graphs": 0,
            "other": 50,
            "file": 16 * size + 450,
        }
        card = {"items": size, "dimension": 16, "factory": "IVF4,PQ8", "bytes": held}
        found["cards"].append(write(folder / "index.card.json", card))
        point = {"nprobe": 4, "ef_search": None, "k_factor": 3.0}
        chosen = {"chosen": point, "reached": True, "recall": 0.993, "target": 0.99, "curve": []}
        found["points"].append(write(folder / "index.points.json", chosen))
        steps = [
            ("trained", "train"),
            ("parts/0", "fill"),
            *([("parts/1", "fill")] if size > 600 else []),
            ("merged", "merge"),
        ]
        for name, step in steps:
            cost = {"step": step, "seconds": 2.0, "peak_bytes": 10**8 + size}
            found["costs"].append(write(folder / f"{name}.json", cost))
        exact = np.stack([generator.permutation(size)[:10] for _ in range(QUERIES)])
        exact[: QUERIES // 2, 3] = np.arange(QUERIES // 2) % 10  # every second query is answered
        index = exact.copy()
        index[:, 8:] = -1
        ids, owners = [f"l{i % 10}#{i}" for i in range(QUERIES)], [f"l{i % 10}" for i in range(QUERIES)]
        systems = {"exhaustive": exact, "index": index, "index+exact": exact}
        labels = [f"l{i}" for i in range(min(REAL, size))]
        tables = [table_of(name, ids, owners, owners, rows, exact, labels) for name, rows in systems.items()]
        pq.write_table(pa.concat_tables(tables), folder / "answers.parquet")
        found["answers"].append(folder / "answers.parquet")
        for process in range(PROCESSES):
            slow = 0.1 * np.sqrt(size)
            names = ["index", "index+exact", "index+exact+again", *(["exhaustive"] if size == 100 else [])]
            timings = [timing(name, batch, slow, generator) for name in names for batch in (1, 64)]
            record = {"size": size, "process": process, "timings": timings, "peak_bytes": 5 * 10**8}
            found["times"].append(write(folder / f"times/{process}.json", record))
    items = {
        "id": [f"i{i}" for i in range(REAL)],
        "label": [f"l{i}" for i in range(REAL)],
        "origin": [1] * REAL,
    }
    write_items(run / "items.parquet", items)
    density = {"norm": 1.0, "nearest_50": 0.7, "hubness": 1.2}
    both = {"least": 0.4, "vectors": 140, "real": density, "drawn": density, "other": density}
    return found | {"names": [run / "items.parquet"], "comparisons": [write(run / "density.json", both)]}


@pytest.fixture(scope="module")
def table(files: dict[str, list[Path]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("numbers") / "scale.parquet"
    numbers_job.main(**files, numbers=path, spec=SPEC)
    return path


def test_numbers_are_what_was_written_and_every_size_says_how_many_are_drawn(table: Path) -> None:
    found = {number.number_id: number for number in read_numbers(table)}

    def value(variant: str, metric: str) -> float:
        return found[PLACE.format(variant, metric)].value or 0.0

    assert value("index+exact@1000", "items") == 1000 and value("index+exact@1000", "items_synthetic") == 850
    assert value("exhaustive@100", "items_synthetic") == 0
    assert value("index+exact@1000", "synthetic_share") == 0.85
    assert 0.5 < value("exhaustive@1000", "synthetic_share@10") < 1
    assert PLACE.format("exhaustive@100", "synthetic_share@10") not in found, "none was drawn"
    assert value("index@100", "index_recall@10") == pytest.approx(0.8, abs=0.01)
    assert value("index+exact@100", "loss_recall@10") == 0
    assert value("exhaustive@1000", "recall@10") >= 0.5
    assert value("index@1000", "bytes") == 16_400 and value("index@1000", "bytes_per_item") == 16.4
    assert value("index@1000", "build_seconds") == 8 and value("index@1000", "build_seconds_fill") == 4
    assert value("index@1000", "build_memory") == 10**8 + 1000
    assert value("index@100", "point_nprobe") == 4 and value("index@100", "point_reached") == 1
    assert PLACE.format("index@100", "point_ef_search") not in found
    assert value("index+exact@1000", "latency_p50") == pytest.approx(3.16, rel=0.1)
    assert value("index+exact@1000", "latency_refine_p50") == pytest.approx(0.79, rel=0.1)
    assert PLACE.format("index@1000", "latency_search_p50") not in found, "of one part: that is the whole"
    assert value("index+exact@1000", "aa_latency_p50") == pytest.approx(0, abs=0.1)
    assert value("index+exact@1000", "qps_batch64") > 2 * value("index+exact@1000", "qps")
    growth = found[PLACE.format("index+exact", "growth_latency_p50")]
    assert growth.value == pytest.approx(0.5, abs=0.05) and growth.ci_low < growth.value < growth.ci_high
    assert value("index", "per_decade_index_recall@10") == pytest.approx(0, abs=0.01)
    assert PLACE.format("index", "per_decade_recall@10") not in found
    assert value("index", "growth_recall@10") < 0 < value("index", "growth_bytes")
    assert PLACE.format("exhaustive", "growth_latency_p50") not in found, "measured at one size only"
    assert value("drawn", "density_nearest_50") == 0.7 and value("drawn", "density_least_move") == 0.4
    p_value = found[PLACE.format("index+exact@1000", "p_claim_latency_p95")]
    assert p_value.value == 1, "50 ms are far"


def test_what_differs_from_run_to_run_is_known_as_such(table: Path) -> None:
    for number in read_numbers(table):
        measured = number.metric.removeprefix("p_claim_").startswith(
            ("latency", "aa_", "qps", "growth_latency", "growth_build", "build", "memory")
        )
        assert is_timed(number.metric) == measured, number.metric


def test_tables_group_by_size_and_state_the_numbers_that_they_name(table: Path) -> None:
    numbers = Numbers.read(table)
    values = SPEC["parameters"]
    shown = section_job.tables(numbers, Grid.of("openmoji", values["cells"]), values)
    [(_, answers)], [(_, building)] = shown["scale"], shown["scale-building"]
    assert [(row.group, row.name) for row in answers.rows] == [
        ("100 items", "exhaustive"), ("100 items", "index"), ("100 items", "index+exact"),
        ("300 items", "exhaustive"), ("300 items", "index"), ("300 items", "index+exact"),
        ("1,000 items", "exhaustive"), ("1,000 items", "index"), ("1,000 items", "index+exact"),
    ]  # fmt: skip
    assert answers.columns[0] == building.columns[0] == "synthetic items"
    assert [row.figures[0].text for row in answers.rows] == ["0"] * 3 + ["150"] * 3 + ["850"] * 3
    assert [row.name for row in building.rows] == ["index"] * 3
    [(_, growth)], [(_, density)] = shown["scale-growth"], shown["scale-density"]
    assert {row.name for row in growth.rows} == {"exhaustive", "index", "index+exact"}
    assert [row.name for row in density.rows] == [
        "real", "drawn, synthetic", "real, another sample",
    ]  # fmt: skip
    for one in (answers, building, growth, density):
        assert all(numbers.get(name) for name in one.number_ids())
        assert "|" in table_markdown(one)


def test_the_section_draws_curves_over_items_with_their_fit(table: Path, tmp_path: Path) -> None:
    numbers = Numbers.read(table)
    charts = scale_charts(numbers)
    assert {"scale-found", "scale-p99", "scale-bytes", "scale-building"} <= set(charts)
    frame = scale_frame(numbers, CHARTS["scale-p50"])
    own = frame[frame["system"] == "index+exact"]
    assert list(own["items"]) == [100, 300, 1000] and list(own["synthetic"]) == [0, 150, 850]
    assert np.allclose(own["fitted"].astype(float), own["value"], rtol=0.05)
    section_job.main(table, tmp_path / "section.json", tmp_path / "figures.csv", SPEC)
    html, drawn = read_section(tmp_path / "section.json")
    assert set(drawn) == set(charts) and "synthetic" in html and "ivf-pq" in html
    with (tmp_path / "figures.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["pipeline"] for row in rows} >= {"index+exact@100", "index+exact@1000"}
    assert all(numbers.get(name) for row in rows for name in row["number_ids"].split(";"))


def test_a_way_to_search_has_one_colour_in_every_chart(table: Path) -> None:
    shown: dict[str, set[str]] = {}
    for chart in scale_charts(Numbers.read(table)).values():
        scale = chart["layer"][0]["encoding"]["color"]["scale"]
        for system, colour in zip(scale["domain"], scale["range"], strict=True):
            shown.setdefault(system, set()).add(colour)
    assert len(shown) == 3 and all(len(own) == 1 for own in shown.values())
    assert len(set.union(*shown.values())) == 3, "and no two have the same"


def test_nothing_measured_is_said_in_a_sentence(tmp_path: Path) -> None:
    spec = {"parameters": SPEC["parameters"] | {"room": ROOM | {"cell": None}}}
    empty: dict[str, list[Path]] = {
        name: []
        for name in ("names", "comparisons", "cards", "points", "costs", "answers", "judged", "times")
    }
    numbers_job.main(**empty, numbers=tmp_path / "none.parquet", spec=spec)
    assert read_numbers(tmp_path / "none.parquet") == []
    section_job.main(tmp_path / "none.parquet", tmp_path / "section.json", tmp_path / "none.csv", spec)
    assert "Nothing was measured at size" in read_section(tmp_path / "section.json")[0]


def test_processes_that_measured_different_things_are_refused(
    files: dict[str, list[Path]], tmp_path: Path
) -> None:

    records = [record for path in files["times"][:2] for record in Times.read(path)]
    parameters = StatisticsParameters(resamples=10)
    fewer = records[1].model_copy(update={"timings": records[1].timings[1:]})
    with pytest.raises(UserError, match="no times of index in batches of 1"):
        read_times([records[0], fewer], parameters)
    short = records[1].timings[0].model_copy(update={"samples_ms": [1.0]})
    with pytest.raises(UserError, match="different numbers of calls"):
        read_times(
            [records[0], records[1].model_copy(update={"timings": [short, *records[1].timings[1:]]})],
            parameters,
        )


def test_a_line_through_two_sizes_is_no_fit() -> None:
    sizes = {size: float(size) for size in (10, 100, 1000)}
    assert exponent(sizes) == pytest.approx(1)
    assert exponent({size: sizes[size] for size in (10, 100)}) is None
