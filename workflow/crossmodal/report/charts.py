"""Charts of accuracy and of search against costs: a tidy table of frames.py in, an Altair chart out."""

from collections.abc import Sequence
from typing import Any, cast

import altair as alt
import pandas as pd

from crossmodal.report.cell_styles import Styles
from crossmodal.report.chart_parts import (
    LABEL_SIZE,
    SIDES,
    cell_colour,
    cell_shape,
    interval_tooltip,
    log_axis,
    percent_axis,
)
from crossmodal.report.label_places import place_labels

NARROW = 460
"""Boxes of less px get a chart whose labels are placed for a plot of `NARROW_PLOT` px."""
NARROW_PLOT = 290.0


def accuracy_chart(
    frame: pd.DataFrame,
    styles: Styles,
    title: str = "R@1",
    extent: tuple[float, float] | None = None,
    highlighted: Sequence[str] | None = None,
    width: float = 420.0,
) -> alt.LayerChart:
    """Return recall against trainable parameters (log axis with a place for zero), one point a cell.

    `frame` has the columns of accuracy.COLUMNS. `extent` (fractions) is what the vertical axis spans, so that two
    charts side by side can share it; by default the intervals of `frame`. Each point has its style and its name;
    where `highlighted` is given only those do, and the others are grey, with a name where there is room. `width`
    is what the page will about give the plot, px.
    """
    axis = log_axis(frame["parameters"], "trainable parameters")
    front = list(styles if highlighted is None else highlighted)
    placed = frame.assign(x=axis.positions)
    data = place_labels(
        placed, axis.first, axis.last, front, width, optional=list(frame["cell"]), margin=axis.margin
    )
    color, shape = cell_colour(styles, front), cell_shape(styles, front)
    tooltip = [
        "cell:N",
        alt.Tooltip("parameters:Q", format=",.0f", title="trainable parameters"),
        *interval_tooltip(title),
    ]
    bottom, top = extent or (frame["ci_low"].min(), frame["ci_high"].max())
    margin = max(0.06 * (top - bottom), 0.002)
    scale = alt.Scale(domain=[bottom - margin, top + margin], nice=False, zero=False)
    layers, names = [*axis.gap], []
    for offset in sorted(set(data["dodge"])):
        here = data[data["dodge"] == offset]
        base = alt.Chart(here).encode(x=axis.x, color=color)
        y = alt.Y("ci_low:Q", title=f"{title}, %", axis=percent_axis(), scale=scale)
        layers.append(base.mark_rule(xOffset=offset, strokeWidth=2, opacity=0.7).encode(y=y, y2="ci_high:Q"))
        layers.append(
            base.mark_point(xOffset=offset, filled=True, size=90, opacity=1).encode(
                y=alt.Y("value:Q"), shape=shape, tooltip=tooltip
            )
        )
        names += label_layers(here, axis.x, color, offset)
    return cast(alt.LayerChart, alt.layer(*layers, *names).properties(width="container", height=300))


def label_layers(
    data: pd.DataFrame, x: alt.X, color: alt.Color, offset: int, rise: int = 0
) -> list[alt.Chart]:
    """Return the layers of text that name points which are `labelled`, beside them, moved by `rise` px."""
    layers = []
    for side, shift in SIDES:
        chosen = data[(data["align"] == side) & data["labelled"]]
        labels = alt.Chart(chosen).mark_text(
            align=side, dx=offset + shift, dy=rise, fontSize=LABEL_SIZE, fontWeight=600
        )
        if len(chosen):
            layers.append(labels.encode(x=x, y=alt.Y("label_y:Q"), text="cell:N", color=color))
    return layers


def with_narrow(wide: alt.LayerChart, narrow: alt.LayerChart, below: int = NARROW) -> dict[str, Any]:
    """Return the specification of `wide` that the page replaces by `narrow` in a box of less than `below` px."""
    return wide.properties(usermeta={"below": below, "narrow": narrow.to_dict()}).to_dict()
