"""Charts of robustness: degradation by shift, by severity and under attack; tables of frames.py in, charts out."""

from collections.abc import Collection, Sequence
from typing import Any, cast

import altair as alt
import pandas as pd

from crossmodal.report.cell_styles import Styles
from crossmodal.report.chart_parts import (
    LABEL_SIZE,
    QUIET,
    cell_colour,
    cell_shape,
    interval_tooltip,
    legend_width,
    percent_axis,
    top_legend,
)
from crossmodal.report.charts import with_narrow
from crossmodal.report.formatting import MINUS

PANEL = 200
"""Narrowest width of a panel of small multiples, px."""


LOSS, GAIN = "loss", "gain (better than on clean images)"
"""The two sides of the scale of the degradation map, as its legend calls them."""
TINTS = ("#e0672e", "#2f8fd1")
"""Of losses and of gains: orange and blue are told apart by people with colour vision deficiencies too."""


def degradation_chart(
    frame: pd.DataFrame, cells: Sequence[str], styles: Styles, limits: Sequence[float] = ()
) -> alt.FacetChart:
    """Return the loss of R@1 as a small panel for each shift, a row for each cell, with intervals.

    `frame` has the columns of frames.DEGRADATION_COLUMNS. `limits` (fractions) are drawn as dashed lines, the
    bounds a hypothesis speaks of. The page sets the number of columns from its width (`usermeta`).
    """
    data = frame.assign(**{f"limit{i}": limit for i, limit in enumerate(limits)})
    y = alt.Y(
        "cell:N", sort=list(cells), title=None, axis=alt.Axis(ticks=False, domain=False, labelLimit=130)
    )
    x_axis = alt.Axis(format=".0%", tickCount=4, title=None, grid=True)
    base = alt.Chart(data).encode(y=y, color=cell_colour(styles))
    layers = [
        alt.Chart(data).mark_rule(strokeDash=[3, 3], opacity=0.6, color="#888").encode(x=f"mean(limit{i}):Q")
        for i in range(len(limits))
    ]
    layers.append(
        base.mark_rule(strokeWidth=2, opacity=0.65).encode(x=alt.X("ci_low:Q", axis=x_axis), x2="ci_high:Q")
    )
    layers.append(
        base.mark_point(filled=True, size=55, opacity=1).encode(
            x=alt.X("value:Q"),
            shape=cell_shape(styles),
            tooltip=["cell:N", "shift:N", *interval_tooltip("loss of R@1")],
        )
    )
    rows = max(1, frame["cell"].nunique())
    order = list(dict.fromkeys(frame["shift"]))
    panel = alt.layer(*layers).properties(width=PANEL, height=max(30, 17 * rows))
    header = alt.Header(
        title=None, labelFontWeight=600, labelAnchor="start", labelPadding=4, labelFontSize=12
    )
    widest = max([len(cell) for cell in frame["cell"]], default=0)
    return (
        panel.facet(
            facet=alt.Facet("shift:N", sort=order, header=header),
            columns=4,
            spacing={"row": 10, "column": 18},
        )
        .resolve_axis(x="independent")
        .properties(
            usermeta={"panel": PANEL, "gap": 18, "labels": 7 * min(widest, 18) + 24, "panels": len(order)}
        )
    )


def degradation_map(frame: pd.DataFrame, cells: Sequence[str]) -> dict[str, Any]:
    """Return the loss of R@1 of many cells (rows) under many shifts (columns) as a tinted grid of percentages.

    `frame` has the columns of frames.DEGRADATION_COLUMNS. The scale diverges from the colour of the page at 0 to
    one colour for a loss of 100 % and another for as large a gain. Intervals are in tooltips and in tables.
    """
    return with_narrow(_map(frame, cells), _map(frame, cells, narrow=True), below=720)


def _map(frame: pd.DataFrame, cells: Sequence[str], narrow: bool = False) -> alt.LayerChart:
    shifts = list(dict.fromkeys(frame["shift"]))
    data = frame.assign(
        text=[f"{round(100 * value)}".replace("-", MINUS) for value in frame["value"]],
        strength=frame["value"].abs().clip(upper=1.0) * 0.85,
        sign=[GAIN if value < 0 else LOSS for value in frame["value"]],
    )
    letters = 10 if narrow else 12
    plain: dict[str, Any] = {"title": None, "ticks": False, "domain": False, "labelFontSize": letters}
    axis = alt.Axis(orient="top", labelAngle=-90 if narrow else -60, labelAlign="left", **plain)
    x = alt.X("shift:N", sort=shifts, axis=axis)
    y = alt.Y("cell:N", sort=list(cells), axis=alt.Axis(labelLimit=110 if narrow else 150, **plain))
    base = alt.Chart(data).encode(x=x, y=y)
    legend = alt.Legend(
        title="paler nearer 0", titleFontWeight=400, orient="bottom", symbolType="square", labelLimit=400
    )
    tint = alt.Color("sign:N", scale=alt.Scale(domain=[LOSS, GAIN], range=list(TINTS)), legend=legend)
    tooltip: list[str | alt.Tooltip] = ["cell:N", "shift:N", *interval_tooltip("loss of R@1")]
    tiles = base.mark_rect().encode(
        color=tint,
        opacity=alt.Opacity("strength:Q", scale=alt.Scale(domain=[0, 1], range=[0, 1]), legend=None),
        tooltip=tooltip,
    )
    # Its name is that of a class in the page, which sets the colour of the text.
    values = (
        base.mark_text(fontSize=8 if narrow else 11)
        .encode(text="text:N", tooltip=tooltip)
        .properties(name="values")
    )
    rows = max(1, frame["cell"].nunique())
    return cast(
        alt.LayerChart,
        alt.layer(tiles, values).properties(
            width="container",
            height=max(60, 21 * rows),
            # The last label leans over the edge.
            padding={"left": 4, "top": 4, "right": 4 if narrow else 50, "bottom": 4},
        ),
    )


def severity_chart(frame: pd.DataFrame, front: Sequence[str], styles: Styles) -> alt.FacetChart:
    """Return the loss of R@1 against severity, a panel for each kind of shift and a line for each cell.

    `frame` has the columns of frames.SEVERITY_COLUMNS. Cells that are not in `front` stand back.
    """
    shown = {cell: styles[cell] for cell in front if cell in set(frame["cell"])}
    color, shape = cell_colour(shown, legend=top_legend()), cell_shape(shown, legend=top_legend())
    ticks = alt.Axis(values=[1, 2, 3, 4, 5], format="d", grid=False)
    x = alt.X("severity:Q", title="severity", scale=alt.Scale(domain=[0.8, 5.2], nice=False), axis=ticks)
    y = alt.Y("value:Q", title="loss of R@1, %", axis=percent_axis())
    tooltip: list[str | alt.Tooltip] = ["cell:N", "shift:N", "severity:O", *interval_tooltip("loss of R@1")]
    base = alt.Chart(frame.assign(front=frame["cell"].isin(shown))).encode(x=x)
    ahead = base.transform_filter("datum.front").encode(color=color)
    panel = alt.layer(
        base.transform_filter("!datum.front")
        .mark_line(color=QUIET, strokeWidth=1, opacity=0.45)
        .encode(y=y, detail="cell:N", tooltip=tooltip),
        ahead.mark_line(strokeWidth=2).encode(y=y),
        ahead.mark_rule(strokeWidth=1.5, opacity=0.4).encode(y=alt.Y("ci_low:Q"), y2="ci_high:Q"),
        ahead.mark_point(filled=True, size=60, opacity=1).encode(y=y, shape=shape, tooltip=tooltip),
    )
    return _panels(panel, "shift", list(dict.fromkeys(frame["shift"])), shown)


def attack_chart(frame: pd.DataFrame, cells: Sequence[str], styles: Styles) -> alt.FacetChart:
    """Return recall against epsilon, a panel for each threat and a line for each cell, with intervals.

    `frame` has the columns of frames.ATTACK_COLUMNS. Epsilon is in 255ths of the pixel range where the names of
    the attacked sets write it so, else in the attack's own unit; each panel has an axis of its own.
    """
    attacked = {cell: styles[cell] for cell in cells if cell in set(frame["cell"])}
    color, shape = cell_colour(attacked, legend=top_legend()), cell_shape(attacked, legend=top_legend())
    x = alt.X("epsilon:Q", title=None, axis=alt.Axis(tickCount=5, format="~g", grid=False))
    y = alt.Y("value:Q", title="R@1, %", axis=percent_axis(), scale=alt.Scale(domainMin=0))
    base = alt.Chart(frame).encode(x=x, color=color)
    tooltip = ["cell:N", "threat:N", "attack:N", *interval_tooltip("R@1")]
    panel = alt.layer(
        base.mark_line(strokeWidth=2, opacity=0.85).encode(y=y),
        base.mark_rule(strokeWidth=1.5, opacity=0.4).encode(y=alt.Y("ci_low:Q"), y2="ci_high:Q"),
        base.mark_point(filled=True, size=50, opacity=1).encode(y=y, shape=shape, tooltip=tooltip),
    )
    chart = _panels(panel, "threat", list(dict.fromkeys(frame["threat"])), attacked)
    return chart.resolve_scale(x="independent")


def _panels(
    panel: alt.LayerChart | alt.FacetChart, by: str, names: Sequence[str], cells: Collection[str]
) -> alt.FacetChart:
    """Return small multiples of `panel`, one for each of `names` in the column `by`, each with an axis below.

    `cells` are those that the legend names.
    """
    meta = {"panel": PANEL, "gap": 24, "labels": 100, "panels": len(names), "legend": legend_width(cells)}
    header = alt.Header(title=None, labelFontWeight=600, labelAnchor="start", labelFontSize=LABEL_SIZE)
    return (
        cast(alt.LayerChart, panel)
        .properties(width=PANEL, height=200)
        .facet(
            facet=alt.Facet(f"{by}:N", sort=list(names), header=header),
            columns=3,
            spacing={"row": 14, "column": 24},
        )
        .resolve_axis(x="independent")
        .properties(usermeta=meta)
    )
