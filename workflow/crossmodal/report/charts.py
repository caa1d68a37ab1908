"""Charts of accuracy and of search against costs: a tidy table of frames.py in, an Altair chart out."""

import math
from collections.abc import Sequence
from typing import cast

import altair as alt
import pandas as pd

from crossmodal.report.chart_parts import (
    LABEL_SIZE,
    PALETTE,
    QUIET,
    SIDES,
    colours,
    interval_tooltip,
    log_axis,
    percent_axis,
    place_labels,
)

SHAPES = ("circle", "square", "triangle-up", "diamond", "cross")
MOST_LABELS = 8
"""With more points than this, and none named to be labelled, a legend is easier to read than labels."""


def accuracy_chart(
    frame: pd.DataFrame,
    cells: Sequence[str],
    title: str = "R@1",
    extent: tuple[float, float] | None = None,
    highlighted: Sequence[str] | None = None,
) -> alt.LayerChart:
    """Return recall against trainable parameters (log axis with a place for zero), one point a cell.

    `frame` has the columns of frames.ACCURACY_COLUMNS; `cells` fixes the colours. `extent` (fractions) is what
    the vertical axis spans, so that two charts side by side can share it; by default the intervals of `frame`.
    Of `highlighted`, where given, each point has a colour and a label, and the others stand back; else a few
    cells are labelled at their points, many by a legend.
    """
    axis = log_axis(frame["parameters"], "trainable parameters")
    front = list(cells) if highlighted is None else [cell for cell in cells if cell in highlighted]
    labelled = front if highlighted is not None or len(frame) <= MOST_LABELS else []
    data = place_labels(frame.assign(x=axis.positions), axis.first, axis.last, labelled)
    if highlighted is None:
        legend = None if labelled else alt.Legend(title=None, orient="bottom", columns=4, symbolOpacity=1)
        color = alt.Color("cell:N", scale=colours(cells), legend=legend)
        shapes = [SHAPES[(place // 3 + place // len(PALETTE)) % len(SHAPES)] for place in range(len(cells))]
        shape = alt.Shape("cell:N", scale=alt.Scale(domain=list(cells), range=shapes), legend=legend)
    else:
        color = front_colour(cells, front)
        shape = None
    tooltip = [
        "cell:N",
        alt.Tooltip("parameters:Q", format=",.0f", title="trainable parameters"),
        *interval_tooltip(title),
    ]
    bottom, top = extent or (frame["ci_low"].min(), frame["ci_high"].max())
    margin = max(0.06 * (top - bottom), 0.002)
    scale = alt.Scale(domain=[bottom - margin, top + margin], nice=False, zero=False)
    layers: list[alt.Chart] = []
    for offset in sorted(set(data["dodge"])):
        base = alt.Chart(data[data["dodge"] == offset]).encode(x=axis.x, color=color)
        y = alt.Y("ci_low:Q", title=f"{title}, %", axis=percent_axis(), scale=scale)
        layers.append(base.mark_rule(xOffset=offset, strokeWidth=2, opacity=0.7).encode(y=y, y2="ci_high:Q"))
        layers.append(
            base.mark_point(xOffset=offset, filled=True, size=90, opacity=1).encode(
                y=alt.Y("value:Q"),
                tooltip=tooltip,
                **({"shape": shape} if shape is not None and not labelled else {}),
            )
        )
        layers += label_layers(data[data["dodge"] == offset], labelled, axis.x, color, offset)
    if axis.gap is not None:
        layers.insert(0, axis.gap)
    return cast(alt.LayerChart, alt.layer(*layers).properties(width="container", height=300))


def pareto_chart(frame: pd.DataFrame, cost: str, title: str = "R@1", width: float = 420.0) -> alt.LayerChart:
    """Return recall against a cost (log axis with a place for zero) with the Pareto frontier as a step line.

    `frame` has the columns of frames.PARETO_COLUMNS. Points on the frontier are filled and labelled, the others
    are rings; groups of cells have colours. `cost` is the title of the axis, with its unit; `width` is what the
    page will about give the chart, px, for the place of labels.
    """
    axis = log_axis(frame["cost"], cost)
    members = list(frame["cell"][frame["frontier"]])
    # Above the frontier and left of its steps nothing is drawn: labels stand there.
    data = place_labels(frame.assign(x=axis.positions), axis.first, axis.last, members, width, left_from=0.2)
    groups = list(dict.fromkeys(frame["group"]))
    legend = alt.Legend(title=None, orient="top", symbolOpacity=1) if len(groups) > 1 else None
    color = alt.Color("group:N", scale=colours(groups, skip=2), legend=legend)
    bottom, top = frame["ci_low"].min(), frame["ci_high"].max()
    margin = max(0.06 * (top - bottom), 0.002)
    scale = alt.Scale(domain=[bottom - margin, top + margin], nice=False, zero=False)
    y = alt.Y("value:Q", title=f"{title}, %", axis=percent_axis(), scale=scale)
    tooltip = [
        "cell:N",
        alt.Tooltip("cost:Q", format=",.4~g", title=cost),
        alt.Tooltip("probability:Q", format=".0%", title="on the frontier in"),
        *interval_tooltip(title),
    ]
    steps = data[data["frontier"]].sort_values(["x", "value"])
    layers: list[alt.Chart] = [
        alt.Chart(steps)
        .mark_line(interpolate="step-after", strokeWidth=1.5, strokeDash=[5, 3], color=QUIET)
        .encode(x=axis.x, y=y)
    ]
    for offset in sorted(set(data["dodge"])):
        here = data[data["dodge"] == offset]
        base = alt.Chart(here).encode(x=axis.x, color=color)
        layers.append(
            base.mark_rule(xOffset=offset, strokeWidth=1.5, opacity=0.35).encode(
                y=alt.Y("ci_low:Q", scale=scale), y2="ci_high:Q"
            )
        )
        for member in (False, True):
            chosen = alt.Chart(here[here["frontier"] == member]).encode(x=axis.x, color=color)
            mark = chosen.mark_point(
                xOffset=offset, filled=member, size=85 if member else 45, opacity=1, strokeWidth=1.5
            )
            if (here["frontier"] == member).any():
                layers.append(mark.encode(y=y, tooltip=tooltip))
        layers += label_layers(here, members, axis.x, color, offset, rise=-7)
    if axis.gap is not None:
        layers.insert(0, axis.gap)
    return cast(alt.LayerChart, alt.layer(*layers).properties(width="container", height=280))


def label_layers(
    data: pd.DataFrame, labelled: Sequence[str], x: alt.X, color: alt.Color, offset: int, rise: int = 0
) -> list[alt.Chart]:
    """Return the layers of text that name the cells in `labelled` beside their points, moved by `rise` px."""
    layers = []
    for side, shift in SIDES:
        chosen = data[(data["align"] == side) & data["cell"].isin(labelled)]
        labels = alt.Chart(chosen).mark_text(
            align=side, dx=offset + shift, dy=rise, fontSize=LABEL_SIZE, fontWeight=600
        )
        if len(chosen):
            layers.append(labels.encode(x=x, y=alt.Y("label_y:Q"), text="cell:N", color=color))
    return layers


def front_colour(cells: Sequence[str], front: Sequence[str]) -> alt.Color:
    """Return colours for the cells in `front` by their place in it, and one quiet colour for all others."""
    named = {cell: PALETTE[place % len(PALETTE)] for place, cell in enumerate(front)}
    palette = [named.get(cell, QUIET) for cell in cells]
    return alt.Color("cell:N", scale=alt.Scale(domain=list(cells), range=palette), legend=None)


def search_chart(frame: pd.DataFrame, title: str = "recall@10") -> alt.LayerChart:
    """Return recall against latency of each index: a point at p50, a line to p99, an interval of recall.

    `frame` has the columns of frames.SEARCH_COLUMNS. Indexes with a re-ranker are diamonds, joined to the
    same index without it.
    """
    families = list(dict.fromkeys(frame["family"]))
    color = alt.Color("family:N", scale=colours(families, skip=1), legend=None)
    low, high = frame["latency"].min(), frame["latency_high"].max()
    data = frame.assign(
        align=["right" if value > math.sqrt(low * high) else "left" for value in frame["latency"]],
        kind=frame["reranked"].map({True: "with re-ranker", False: "index alone"}),
    )
    scale = alt.Scale(type="log", domain=[low / 2, high * 2], nice=False)
    axis = alt.Axis(
        title="latency of a query, ms (point: p50, line to p99)", tickCount=5, format="~g", grid=False
    )
    x = alt.X("latency:Q", scale=scale, axis=axis)
    base = alt.Chart(data).encode(x=x, color=color)
    y = alt.Y("value:Q", title=f"{title}, %", axis=percent_axis(), scale=alt.Scale(zero=False, nice=True))
    layers = [
        base.mark_line(strokeDash=[4, 3], opacity=0.5, strokeWidth=1.5).encode(y=y, detail="family:N"),
        base.mark_rule(strokeWidth=2, opacity=0.45).encode(y=y, x2="latency_high:Q"),
        base.mark_rule(strokeWidth=2, opacity=0.7).encode(y=alt.Y("ci_low:Q"), y2="ci_high:Q"),
        base.mark_point(filled=True, size=110, opacity=1).encode(
            y=y,
            shape=alt.Shape(
                "kind:N",
                scale=alt.Scale(domain=["index alone", "with re-ranker"], range=["circle", "diamond"]),
                legend=alt.Legend(title=None, orient="top", symbolFillColor="#888", symbolStrokeColor="#888"),
            ),
            tooltip=[
                "index:N",
                alt.Tooltip("latency:Q", format=".3~g", title="p50, ms"),
                alt.Tooltip("latency_high:Q", format=".3~g", title="p99, ms"),
                *interval_tooltip(title),
            ],
        ),
    ]
    for align, shift in SIDES:
        chosen = data[data["align"] == align]
        if len(chosen):
            labels = alt.Chart(chosen).mark_text(
                align=align, dx=shift, dy=-11, fontSize=LABEL_SIZE, fontWeight=600
            )
            layers.append(labels.encode(x=x, y=y, text="index:N", color=color))
    return cast(alt.LayerChart, alt.layer(*layers).properties(width="container", height=300))
