"""Charts: what they draw is the data, and their labels keep apart."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal.report import charts, frames, robustness_charts
from crossmodal.report.gallery import Gallery, select_queries
from crossmodal.report.lookup import Numbers
from crossmodal.report.page import ReportInputs


def marks(spec: dict, kind: str) -> list[dict]:
    """Return the rows of data behind all marks of one kind in a layered specification."""
    layers = [layer for layer in spec["layer"] if layer["mark"]["type"] == kind]
    sources = [layer.get("data", spec.get("data")) for layer in layers]  # data that all share stands above
    return [row for source in sources for row in spec["datasets"][source["name"]]]


def test_every_cell_is_a_point_and_zero_has_its_place(inputs: ReportInputs) -> None:
    numbers = Numbers(inputs.numbers)
    frame = frames.accuracy_frame(numbers, inputs.cells, "openmoji", "text_to_image")
    spec = charts.accuracy_chart(frame, inputs.cells).to_dict()
    points = {row["cell"]: row for row in marks(spec, "point")}
    assert set(points) == set(inputs.cells)
    for cell, row in points.items():
        number = numbers.get(row["number_id"])
        assert number is not None and (number.cell, number.value) == (cell, row["value"])
        assert row["x"] == row["parameters"] if row["parameters"] else 0 < row["x"] < 9_216
    assert points["lora-r8"]["x"] == points["lora-r8-pgd"]["x"]
    assert points["lora-r8"]["dodge"] != points["lora-r8-pgd"]["dodge"]


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.integers(0, 10**9), st.floats(0, 1)), min_size=1, max_size=15),
    st.floats(0, 0.2),
)
def test_any_study_can_be_drawn(points: list[tuple[int, float]], width: float) -> None:
    rows = [(f"cell-{i}", n, v, v - width, v + width, f"id-{i}") for i, (n, v) in enumerate(points)]
    frame = pd.DataFrame(rows, columns=frames.ACCURACY_COLUMNS)
    cells = list(frame["cell"])
    spec = charts.accuracy_chart(frame, cells).to_dict()
    assert len(marks(spec, "point")) == len(points)
    labelled = len(points) <= charts.MOST_LABELS
    assert len(marks(spec, "text")) == (len(points) if labelled else 0)


def test_losses_of_other_datasets_have_a_chart_of_their_own(inputs: ReportInputs) -> None:
    numbers = Numbers(inputs.numbers)
    rendered = frames.degradation_frame(numbers, inputs.cells, "openmoji", "image_to_text")
    others = frames.degradation_frame(numbers, inputs.cells, "openmoji", "image_to_text", datasets=True)
    assert set(others["shift"]) == {"monotone", "high-contrast", "twemoji"}
    assert set(rendered["shift"]).isdisjoint(others["shift"])
    spec = robustness_charts.degradation_chart(rendered, inputs.cells, (0.05, 0.15)).to_dict()
    assert spec["facet"]["sort"][:2] == ["mean of all shifts", "worst shift"]
    assert spec["usermeta"]["panels"] == 10
    assert sum(len(rows) for rows in spec["datasets"].values()) == len(rendered)


def test_an_index_with_its_re_ranker_is_of_one_family(inputs: ReportInputs) -> None:
    frame = frames.search_frame(Numbers(inputs.numbers), cell="lora-r8")
    assert list(frame["family"]) == ["flat", "ivf-pq", "ivf-pq"]
    assert list(frame["reranked"]) == [False, False, True]
    assert (frame["latency"] < frame["latency_high"]).all()
    assert len(marks(charts.search_chart(frame).to_dict(), "point")) == 3


@pytest.fixture
def gallery(inputs: ReportInputs) -> Gallery:
    assert inputs.gallery is not None
    return Gallery(inputs.gallery)


def test_the_gallery_shows_right_and_wrong_in_both_directions(inputs: ReportInputs, gallery: Gallery) -> None:
    chosen = select_queries(inputs.queries, ("lora-r8", "openmoji", "clean"), gallery)
    assert [(q.direction, q.right) for q in chosen] == [
        (direction, right)
        for direction in ("text_to_image", "image_to_text")
        for right in (True, False)
        for _ in range(3)
    ]
    for query in chosen:
        owner = query.query_id.partition("#")[0]
        positives = [item for item in query.items if item.positive]
        assert all(gallery.owner(item.item_id) == owner for item in positives)
        assert [item.rank for item in query.items] == [1, 2, 3, 4, 5]
        if query.rank <= 5:
            assert [item.rank for item in positives] == [query.rank] and query.expected is None
        else:
            assert not positives and query.expected is not None
            assert gallery.owner(query.expected.item_id) == owner


def test_the_order_of_rows_does_not_matter(inputs: ReportInputs, gallery: Gallery, tmp_path: Path) -> None:
    key = ("lora-r8", "openmoji", "clean")
    path = inputs.queries[*key, "text_to_image"]
    table = pq.read_table(path)
    pq.write_table(table.take(pa.array(range(len(table) - 1, -1, -1))), tmp_path / "reversed.parquet")
    turned = {(*key, d): tmp_path / "reversed.parquet" for d in ("text_to_image", "image_to_text")}
    assert select_queries(turned, key, gallery) == select_queries(inputs.queries, key, gallery)


def test_what_cannot_be_shown_is_left_empty(gallery: Gallery) -> None:
    assert gallery.thumbnail("shape-005") == ""  # not an image
    assert gallery.thumbnail("shape-000").startswith("data:image/webp;base64,")
    assert gallery.caption("shape-000#9") == gallery.caption("elsewhere#0") == ""
    assert gallery.label("elsewhere") is None
