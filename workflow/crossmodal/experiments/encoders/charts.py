"""The charts of image encoders: recall against parameters, time and operations."""

from collections.abc import Sequence
from typing import Any, cast

import altair as alt
import pandas as pd

from crossmodal.report.cell_styles import Styles, styles_of
from crossmodal.report.chart_parts import (
    QUIET,
    cell_colour,
    cell_shape,
    interval_tooltip,
    log_axis,
    percent_axis,
)
from crossmodal.report.charts import NARROW_PLOT, label_layers, with_narrow
from crossmodal.report.frames import value_columns
from crossmodal.report.label_places import place_labels
from crossmodal.report.lookup import Number, Numbers
from crossmodal.statistics.names import CHANCE

COSTS = {
    "parameters_tower": "parameters of the image tower",
    "latency_1": "one image, ms",
    "flops": "operations for an image",
}
"""What recall is drawn against, by the metric of its number."""


def trade_off_charts(
    numbers: Numbers, cells: Sequence[str], target: str, probe: str | None = None
) -> dict[str, dict[str, Any]]:
    """Return the Vega-Lite specification of recall@10 over each cost that has data, by `encoders-<cost>`.

    With a line at what the probe finds, which sees no network.
    """
    found = {}
    blind = [(name, _recall(numbers, name, target)) for name in (CHANCE, probe) if name]
    lines = pd.DataFrame(
        [(name, number.value) for name, number in blind if number], columns=["name", "value"]
    )
    for metric, title in COSTS.items():
        frame = trade_off_frame(numbers, cells, target, metric)
        if len(frame):
            wide, narrow = (
                trade_off_chart(frame, lines, styles_of(cells), title, width)
                for width in (420.0, NARROW_PLOT)
            )
            found[f"encoders-{metric}"] = with_narrow(wide, narrow)
    return found


def trade_off_frame(numbers: Numbers, cells: Sequence[str], target: str, metric: str) -> pd.DataFrame:
    """Return recall@10 on the target (fraction, mean of both directions) and a cost of each encoder."""
    rows = []
    for cell in cells:
        recall = _recall(numbers, cell, target)
        cost = numbers.find("encoders", metric, cell=cell)
        if recall and cost:
            rows.append({"cell": cell, "cost": cost.value, **value_columns(recall)})
    return pd.DataFrame(rows, columns=["cell", "cost", "value", "ci_low", "ci_high", "number_id"])


def _recall(numbers: Numbers, cell: str, target: str) -> Number | None:
    where = {"dataset": target, "variant": "clean", "direction": "mean"}
    return numbers.find("encoders", "recall@10", cell=cell, **where)


def trade_off_chart(
    frame: pd.DataFrame, lines: pd.DataFrame, styles: Styles, cost: str, width: float
) -> alt.LayerChart:
    """Return recall@10 against a cost, a named point with its interval for each encoder; `width` is the plot's.

    `lines` (name, value) are drawn across.
    """
    axis = log_axis(frame["cost"], cost)
    placed, everyone = frame.assign(x=axis.positions), list(frame["cell"])
    data = place_labels(placed, axis.first, axis.last, everyone, width, margin=axis.margin)
    color = cell_colour(styles)
    bottom = min([frame["ci_low"].min(), *lines["value"]])
    top = max([frame["ci_high"].max(), *lines["value"]])
    margin = max(0.06 * (top - bottom), 0.002)
    scale = alt.Scale(domain=[bottom - margin, top + margin], nice=False, zero=False)
    tooltip = ["cell:N", alt.Tooltip("cost:Q", format=",.4~g", title=cost), *interval_tooltip("R@10")]
    level = alt.Chart(lines).encode(y=alt.Y("value:Q", scale=scale))
    layers: list[alt.Chart] = [*axis.gap]
    layers.append(level.mark_rule(strokeDash=[4, 3], color=QUIET))
    layers.append(
        level.mark_text(align="left", dx=3, dy=-5, fontSize=11, color=QUIET).encode(
            text="name:N", x=alt.value(0)
        )
    )
    names: list[alt.Chart] = []
    for offset in sorted(set(data["dodge"])):
        here = data[data["dodge"] == offset]
        base = alt.Chart(here).encode(x=axis.x, color=color)
        y = alt.Y("ci_low:Q", title="R@10, %", axis=percent_axis(), scale=scale)
        layers.append(base.mark_rule(xOffset=offset, strokeWidth=2, opacity=0.6).encode(y=y, y2="ci_high:Q"))
        points = base.mark_point(xOffset=offset, filled=True, size=80, opacity=1)
        layers.append(points.encode(y=alt.Y("value:Q"), shape=cell_shape(styles), tooltip=tooltip))
        names += label_layers(here, axis.x, color, offset)
    return cast(alt.LayerChart, alt.layer(*layers, *names).properties(width="container", height=280))
