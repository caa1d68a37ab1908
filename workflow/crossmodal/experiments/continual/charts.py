"""The chart of continual learning: accuracy on the classes learnt so far, session after session, by kind."""

from typing import Any

import altair as alt
import pandas as pd

from crossmodal.experiments.continual.params import JOINT, Params
from crossmodal.report.cell_styles import Styles
from crossmodal.report.chart_parts import interval_tooltip
from crossmodal.report.frames import value_columns
from crossmodal.report.lookup import Numbers
from crossmodal.report.series_chart import first_of_each, series_chart

AT_ONCE = ", all at once"
"""What stands behind the name of a cell for its upper bound."""


def in_front(room: Params) -> list[str]:
    """Return the first cell of each kind of update, of the first cell's model; others stand in tables alone."""
    model = next((cell.model for cell in room.cells.values()), None)
    own = {name: cell for name, cell in room.cells.items() if cell.model == model}
    return first_of_each((name, (cell.update.kind, cell.answers)) for name, cell in own.items())


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
    last = int(frame["session"].max())
    axis = alt.Axis(values=list(range(1, last + 1)), format="d", grid=False)
    scale = alt.Scale(domain=[0.7, last + 0.3], nice=False)
    x = alt.X("session:Q", title="sessions learnt", axis=axis, scale=scale)
    tooltip = ["cell:N", "session:Q", *interval_tooltip("accuracy")]
    return series_chart(frame, styles, x, "accuracy on the classes so far, %", tooltip, 280)
