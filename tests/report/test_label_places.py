"""Names of points: beside their own point, over no other name, and over no point where there is room."""

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal.report.label_places import GAP, HEIGHT, LETTER, LINE, place_labels

WIDTH = 420.0


def frame(points: list[tuple[float, float]]) -> pd.DataFrame:
    rows = [(f"cell-{i:02}", x, v, v - 0.02, v + 0.02) for i, (x, v) in enumerate(points)]
    return pd.DataFrame(rows, columns=["cell", "x", "value", "ci_low", "ci_high"])


def boxes(placed: pd.DataFrame, points: pd.DataFrame) -> dict[str, tuple[float, float, float]]:
    """Return left end, right end and middle of each label in px, worked out from what is drawn."""
    unit = (points["ci_high"].max() - points["ci_low"].min()) / HEIGHT
    found = {}
    for row in placed.itertuples():
        at = (pd.Series([row.x]).map(lambda x: len(str(int(x))) - 1)[0] + 0.3) / 6.6 * WIDTH + row.dodge
        span = LETTER * len(row.cell)
        left = at + GAP if row.align == "left" else at - GAP - span
        found[row.cell] = left, left + span, row.label_y / unit
    return found


@given(st.lists(st.tuples(st.integers(0, 6), st.floats(0, 1)), min_size=1, max_size=6))
@settings(max_examples=60)
def test_few_names_never_cover_one_another(points: list[tuple[int, float]]) -> None:
    data = frame([(10.0**decade, value) for decade, value in points])
    placed = place_labels(data, 0, 6, list(data["cell"]), WIDTH)
    found = list(boxes(placed, data).values())
    for i, (left, right, middle) in enumerate(found):
        for other_left, other_right, other in found[:i]:
            apart = left >= other_right - 1e-6 or other_left >= right - 1e-6
            assert apart or abs(middle - other) >= LINE - 1e-6
    assert sorted(placed["cell"]) == sorted(data["cell"])
    assert placed["value"].is_monotonic_decreasing, "data is moved by nothing"


def test_a_name_with_room_stays_beside_its_point() -> None:
    placed = place_labels(frame([(1.0, 0.1), (1e6, 0.9)]), 0, 6, ["cell-00", "cell-01"], WIDTH)
    assert (placed["label_y"] == placed["value"]).all()
    assert dict(zip(placed["cell"], placed["align"], strict=True)) == {"cell-00": "left", "cell-01": "right"}


def test_a_name_goes_to_the_other_side_of_a_point_in_its_way() -> None:
    points = [(100.0, 0.5), (140.0, 0.5), (1.0, 0.0), (1.0, 1.0)]
    placed = place_labels(frame(points), 0, 6, ["cell-00"], WIDTH).set_index("cell")
    assert placed.loc["cell-00", "align"] == "right"
    alone = place_labels(frame([points[0], *points[2:]]), 0, 6, ["cell-00"], WIDTH).set_index("cell")
    assert alone.loc["cell-00", "align"] == "left"


def test_nothing_is_drawn_of_nothing() -> None:
    assert list(place_labels(frame([]), 0, 6, [], WIDTH).columns)[-3:] == ["label_y", "align", "dodge"]


def test_others_have_names_where_there_is_room_and_nowhere_else() -> None:
    crowd = [(10.0**3 * (1 + i / 50), 0.5 + i / 500) for i in range(12)]
    data = frame([(1.0, 0.0), (1e6, 1.0), *crowd])
    placed = place_labels(data, 0, 6, ["cell-02"], WIDTH, optional=list(data["cell"])).set_index("cell")
    assert placed.loc[["cell-00", "cell-01", "cell-02"], "labelled"].all()
    assert 3 <= placed["labelled"].sum() < len(data)
    assert not place_labels(data, 0, 6, [], WIDTH)["labelled"].any()


def test_no_name_leaves_the_plot_through_its_floor() -> None:
    data = frame([(1e3, 0.0), (1.05e3, 0.005), (1.1e3, 0.01), (1e5, 1.0)])
    placed = place_labels(data, 0, 6, list(data["cell"]), WIDTH)
    assert placed["label_y"].min() >= data["ci_low"].min()
