"""Charts draw whatever was measured."""

import re

import altair as alt
import pandas as pd
import pytest
import vl_convert
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal.report import accuracy, charts
from crossmodal.report.cell_styles import styles_of
from crossmodal.report.chart_parts import log_axis


def marks(spec: dict, kind: str) -> list[dict]:
    """Return the rows of data behind all marks of one kind in a layered specification."""
    layers = [layer for layer in spec["layer"] if layer["mark"]["type"] == kind]
    sources = [layer.get("data", spec.get("data")) for layer in layers]  # data that all share stands above
    return [row for source in sources for row in spec["datasets"][source["name"]]]


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.integers(0, 10**9), st.floats(0, 1)), min_size=1, max_size=15),
    st.floats(0, 0.2),
)
def test_any_study_can_be_drawn(points: list[tuple[int, float]], width: float) -> None:
    """Each cell is a point with its name; where some stand in front, the others have names if there is room."""
    rows = [(f"cell-{i}", n, v, v - width, v + width, f"id-{i}") for i, (n, v) in enumerate(points)]
    frame = pd.DataFrame(rows, columns=accuracy.COLUMNS)
    cells = list(frame["cell"])
    styles = styles_of(cells)
    spec = charts.accuracy_chart(frame, styles).to_dict()
    assert len(marks(spec, "point")) == len(points)
    assert sorted(row["cell"] for row in marks(spec, "text") if "cell" in row) == sorted(cells)
    front = charts.accuracy_chart(frame, styles, highlighted=cells[:1]).to_dict()
    named = [row["cell"] for row in marks(front, "text") if "cell" in row]
    assert cells[0] in named and len(set(named)) == len(named)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0, 9_216, 1_310_977], ["0", "1k", "10k", "100k", "1M", "10M"]),
        ([0, 0.67, 1.36], ["0", "0.1", "1", "10"]),
        ([3e8, 7e9], ["100M", "1B", "10B"]),
        ([0.58, 0.65, 0.7], ["0.6", "0.7"]),
    ],
)
def test_decades_are_written_as_people_write_them(values: list[float], labels: list[str]) -> None:
    axis = log_axis(pd.Series(values, dtype=float), "cost")
    spec = alt.Chart(pd.DataFrame({"x": axis.positions})).mark_point().encode(x=axis.x).properties(width=400)
    svg = vl_convert.vegalite_to_svg(spec.to_dict())
    written = re.findall(r"<text[^>]*>([^<]+)</text>", svg)
    assert set(labels) <= set(written) and not [text for text in written if re.search(r"\d[mµG]", text)]


def test_the_line_between_zero_and_the_logarithmic_axis_has_a_name() -> None:
    frame = pd.DataFrame(
        [("zero-shot", 0, 0.1, 0.1, 0.1, "a"), ("full", 1000, 0.2, 0.2, 0.2, "b")], columns=accuracy.COLUMNS
    )
    both = charts.accuracy_chart(frame, styles_of(["full", "zero-shot"])).to_dict()
    assert [row["name"] for row in marks(both, "text") if "name" in row] == ["log scale →"]
    trained = charts.accuracy_chart(frame[1:], styles_of(["full"])).to_dict()
    assert not [row for row in marks(trained, "text") if "name" in row]
