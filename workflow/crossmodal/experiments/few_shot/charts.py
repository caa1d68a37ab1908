"""The chart of few-shot classification: accuracy by shots, a line for each kind of method."""

from collections.abc import Sequence
from typing import cast

import altair as alt
import pandas as pd

from crossmodal.experiments.few_shot.accuracies import ROOM
from crossmodal.experiments.few_shot.names import ACCURACY, variant_of
from crossmodal.experiments.few_shot.params import Params
from crossmodal.report.cell_styles import Styles
from crossmodal.report.chart_parts import (
    cell_colour,
    cell_shape,
    interval_tooltip,
    legend_width,
    percent_axis,
    top_legend,
)
from crossmodal.report.frames import value_columns
from crossmodal.report.lookup import Numbers
from crossmodal.statistics.queries import IMAGE_TO_TEXT

DODGE = 4.0
"""How far apart the points of two methods stand at one number of shots, px."""


def in_front(room: Params) -> list[str]:
    """Return the first method of each kind, in their order: variants of a kind stand in the tables alone."""
    first: dict[str, str] = {}
    for name, method in room.methods.items():
        first.setdefault(method.kind, name)
    return list(first.values())


def shots_frame(numbers: Numbers, room: Params, methods: Sequence[str]) -> pd.DataFrame:
    """Return the accuracy, the mean that is judged, of each method and number of shots that has one."""
    rows = []
    for method in methods:
        for shots in sorted(room.shots):
            where = {
                "dataset": room.judged(),
                "variant": variant_of(shots),
                "direction": IMAGE_TO_TEXT,
                "split": "test",
            }
            if number := numbers.find(ROOM, ACCURACY, cell=method, **where):
                rows.append({"cell": method, "shots": str(shots), **value_columns(number)})
    return pd.DataFrame(rows, columns=["cell", "shots", "value", "ci_low", "ci_high", "number_id"])


def shots_chart(frame: pd.DataFrame, styles: Styles) -> alt.LayerChart:
    """Return accuracy (axis) by shots (axis): a line with intervals for each method."""
    shown = {method: styles[method] for method in dict.fromkeys(frame["cell"])}
    order = list(dict.fromkeys(frame["shots"]))
    x = alt.X("shots:N", title="images of each class", sort=order, axis=alt.Axis(labelAngle=0))
    value = alt.Y("value:Q", title="accuracy, %", axis=percent_axis(), scale=alt.Scale(zero=False))
    tooltip = ["cell:N", alt.Tooltip("shots:N", title="shots"), *interval_tooltip("accuracy")]
    layers: list[alt.Chart] = []
    for place, method in enumerate(shown):
        offset = DODGE * (place - (len(shown) - 1) / 2)
        colour = cell_colour(shown, legend=top_legend())
        base = alt.Chart(frame[frame["cell"] == method]).encode(x=x, color=colour)
        layers.append(base.mark_line(xOffset=offset, strokeWidth=1.5, opacity=0.6).encode(y=value))
        rule = base.mark_rule(xOffset=offset, strokeWidth=2, opacity=0.5)
        layers.append(rule.encode(y=alt.Y("ci_low:Q"), y2="ci_high:Q"))
        points = base.mark_point(xOffset=offset, filled=True, size=60, opacity=1)
        layers.append(points.encode(y=value, shape=cell_shape(shown, legend=top_legend()), tooltip=tooltip))
    meta = {"legend": legend_width(shown)}
    return cast(alt.LayerChart, alt.layer(*layers).properties(width="container", height=320, usermeta=meta))
