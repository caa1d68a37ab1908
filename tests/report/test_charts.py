"""Charts draw whatever was measured."""

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal.report import accuracy, charts


def marks(spec: dict, kind: str) -> list[dict]:
    """Return the rows of data behind all marks of one kind in a layered specification."""
    layers = [layer for layer in spec["layer"] if layer["mark"]["type"] == kind]
    sources = [layer.get("data", spec.get("data")) for layer in layers]  # data that all share stands above
    return [row for source in sources for row in spec["datasets"][source["name"]]]


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.tuples(st.integers(0, 10**9), st.floats(0, 1)), min_size=1, max_size=15),
    st.floats(0, 0.2),
)
def test_any_study_can_be_drawn(points: list[tuple[int, float]], width: float) -> None:
    rows = [(f"cell-{i}", n, v, v - width, v + width, f"id-{i}") for i, (n, v) in enumerate(points)]
    frame = pd.DataFrame(rows, columns=accuracy.COLUMNS)
    cells = list(frame["cell"])
    spec = charts.accuracy_chart(frame, cells).to_dict()
    assert len(marks(spec, "point")) == len(points)
    labelled = len(points) <= charts.MOST_LABELS
    assert len(marks(spec, "text")) == (len(points) if labelled else 0)
