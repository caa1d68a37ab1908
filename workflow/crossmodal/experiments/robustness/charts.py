"""Charts of robustness: degradation by shift, by severity and under attack; tables of frames.py in, charts out."""

from collections.abc import Sequence
from typing import cast

import altair as alt
import pandas as pd

from crossmodal.report.chart_parts import LABEL_SIZE, QUIET, colours, interval_tooltip, percent_axis

PANEL = 200
"""Narrowest width of a panel of small multiples, px."""


def degradation_chart(
    frame: pd.DataFrame, cells: Sequence[str], limits: Sequence[float] = ()
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
    base = alt.Chart(data).encode(y=y, color=alt.Color("cell:N", scale=colours(cells), legend=None))
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


def degradation_map(frame: pd.DataFrame, cells: Sequence[str]) -> alt.LayerChart:
    """Return the loss of R@1 of many cells (rows) under many shifts (columns) as a tinted grid of percentages.

    `frame` has the columns of frames.DEGRADATION_COLUMNS. Losses are tinted from 0 to 100 %, gains in another
    colour. Intervals are in the tooltips and in the tables.
    """
    shifts = list(dict.fromkeys(frame["shift"]))
    data = frame.assign(
        text=[f"{100 * value:.0f}" for value in frame["value"]],
        strength=frame["value"].abs().clip(upper=1.0) * 0.85,
        sign=["loss" if value >= 0 else "gain" for value in frame["value"]],
    )
    axis = alt.Axis(orient="top", labelAngle=-60, labelAlign="left", title=None, ticks=False, domain=False)
    x = alt.X("shift:N", sort=shifts, axis=axis)
    y = alt.Y(
        "cell:N", sort=list(cells), title=None, axis=alt.Axis(ticks=False, domain=False, labelLimit=150)
    )
    base = alt.Chart(data).encode(x=x, y=y)
    tint = alt.Color(
        "sign:N", scale=alt.Scale(domain=["loss", "gain"], range=["#e0672e", "#2f8fd1"]), legend=None
    )
    tooltip: list[str | alt.Tooltip] = ["cell:N", "shift:N", *interval_tooltip("loss of R@1")]
    tiles = base.mark_rect().encode(
        color=tint,
        opacity=alt.Opacity("strength:Q", scale=alt.Scale(domain=[0, 1], range=[0, 1]), legend=None),
        tooltip=tooltip,
    )
    # Its name is that of a class in the page, which sets the colour of the text.
    values = base.mark_text(fontSize=11).encode(text="text:N", tooltip=tooltip).properties(name="values")
    rows = max(1, frame["cell"].nunique())
    return cast(
        alt.LayerChart,
        alt.layer(tiles, values).properties(
            width="container",
            height=max(60, 21 * rows),
            padding={"left": 4, "top": 4, "right": 50, "bottom": 4},  # the last label leans over the edge
        ),
    )


def severity_chart(frame: pd.DataFrame, front: Sequence[str]) -> alt.FacetChart:
    """Return the loss of R@1 against severity, a panel for each kind of shift and a line for each cell.

    `frame` has the columns of frames.SEVERITY_COLUMNS. Cells that are not in `front` stand back.
    """
    shown = [cell for cell in front if cell in set(frame["cell"])]
    legend = alt.Legend(title=None, orient="top", columns=5, symbolOpacity=1)
    color = alt.Color("cell:N", scale=colours(shown), legend=legend)
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
        ahead.mark_point(filled=True, size=60, opacity=1).encode(y=y, tooltip=tooltip),
    )
    return _panels(panel, "shift", list(dict.fromkeys(frame["shift"])))


def attack_chart(frame: pd.DataFrame, cells: Sequence[str]) -> alt.FacetChart:
    """Return recall against epsilon, a panel for each threat and a line for each cell, with intervals.

    `frame` has the columns of frames.ATTACK_COLUMNS. Epsilon is in 255ths of the pixel range where the names of
    the attacked sets write it so, else in the attack's own unit; each panel has an axis of its own.
    """
    attacked = [cell for cell in cells if cell in set(frame["cell"])]
    legend = alt.Legend(title=None, orient="top", columns=5, symbolOpacity=1)
    color = alt.Color("cell:N", scale=colours(attacked), legend=legend)
    x = alt.X("epsilon:Q", title=None, axis=alt.Axis(tickCount=5, format="~g", grid=False))
    y = alt.Y("value:Q", title="R@1, %", axis=percent_axis(), scale=alt.Scale(domainMin=0))
    base = alt.Chart(frame).encode(x=x, color=color)
    tooltip = ["cell:N", "threat:N", "attack:N", *interval_tooltip("R@1")]
    panel = alt.layer(
        base.mark_line(strokeWidth=2, opacity=0.85).encode(y=y),
        base.mark_rule(strokeWidth=1.5, opacity=0.4).encode(y=alt.Y("ci_low:Q"), y2="ci_high:Q"),
        base.mark_point(filled=True, size=50, opacity=1).encode(y=y, tooltip=tooltip),
    )
    chart = _panels(panel, "threat", list(dict.fromkeys(frame["threat"])))
    return chart.resolve_scale(x="independent")


def _panels(panel: alt.LayerChart | alt.FacetChart, by: str, names: Sequence[str]) -> alt.FacetChart:
    """Return small multiples of `panel`, one for each of `names` in the column `by`, each with an axis below."""
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
        .properties(usermeta={"panel": PANEL, "gap": 24, "labels": 100, "panels": len(names)})
    )
