"""The chart of continual learning: accuracy on the classes learnt so far, session after session, by kind."""

from typing import Any, cast

import altair as alt
import pandas as pd

from crossmodal.experiments.continual.params import JOINT, Params
from crossmodal.report.cell_styles import Styles
from crossmodal.report.chart_parts import cell_colour, cell_shape, interval_tooltip, percent_axis, top_legend
from crossmodal.report.frames import value_columns
from crossmodal.report.lookup import Numbers

DODGE = 3.0
"""How far apart the points of two cells stand after one session, px."""
AT_ONCE = ", all at once"
"""What stands behind the name of a cell for its upper bound."""


def in_front(room: Params) -> list[str]:
    """Return the first cell of each kind of update, of the first cell's model; others stand in tables alone."""
    first: dict[str, str] = {}
    model = next((cell.model for cell in room.cells.values()), None)
    for name, cell in room.cells.items():
        if cell.model == model:
            first.setdefault(cell.update.kind, name)
    return list(first.values())


def sessions_frame(numbers: Numbers, room: Params) -> pd.DataFrame:
    """Return `accuracy_seen` after each session of a cell of each kind, and of the first one's upper bound."""
    rows: list[dict[str, Any]] = []
    bound = room.cell or next(iter(room.cells), "")
    series = {cell: (cell, "") for cell in in_front(room)} | {f"{bound}{AT_ONCE}": (bound, f"{JOINT}@")}
    for name, (cell, plan) in series.items():
        for session in range(1, room.count() + 1):
            where = {"dataset": str(room.dataset), "split": "test", "variant": f"{plan}after-{session}"}
            found = numbers.find("continual", "accuracy_seen", cell=cell, **where)
            if found:
                rows.append({"cell": name, "session": session, **value_columns(found)})
    return pd.DataFrame(rows, columns=["cell", "session", "value", "ci_low", "ci_high", "number_id"])


def sessions_chart(frame: pd.DataFrame, styles: Styles) -> alt.LayerChart:
    """Return accuracy (axis) after each session (axis), a line with intervals for each cell."""
    shown = {cell: styles[cell] for cell in dict.fromkeys(frame["cell"])}
    last = int(frame["session"].max())
    axis = alt.Axis(values=list(range(1, last + 1)), format="d", grid=False)
    scale = alt.Scale(domain=[0.7, last + 0.3], nice=False)
    x = alt.X("session:Q", title="sessions learnt", axis=axis, scale=scale)
    y = alt.Y(
        "ci_low:Q",
        title="accuracy on the classes so far, %",
        axis=percent_axis(),
        scale=alt.Scale(zero=False),
    )
    layers: list[alt.Chart] = []
    for place, cell in enumerate(shown):
        offset = DODGE * (place - (len(shown) - 1) / 2)
        base = alt.Chart(frame[frame["cell"] == cell]).encode(
            x=x, color=cell_colour(shown, legend=top_legend())
        )
        value = alt.Y("value:Q")
        layers.append(base.mark_line(xOffset=offset, opacity=0.6).encode(y=value))
        layers.append(base.mark_rule(xOffset=offset, strokeWidth=2, opacity=0.6).encode(y=y, y2="ci_high:Q"))
        points = base.mark_point(xOffset=offset, filled=True, size=60, opacity=1)
        tooltip = ["cell:N", "session:Q", *interval_tooltip("accuracy")]
        layers.append(points.encode(y=value, shape=cell_shape(shown, legend=top_legend()), tooltip=tooltip))
    return cast(alt.LayerChart, alt.layer(*layers).properties(width="container", height=280))
