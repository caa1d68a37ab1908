"""The charts of the report, one function each: a tidy table of frames.py in, an Altair chart out.

Colours are mid-tones that stand on white and on near-black; the page sets the colour of axes and labels.
"""

import math
from collections.abc import Sequence
from typing import Literal, cast

import altair as alt
import pandas as pd

PALETTE = (
    "#7a7f87", "#d1782f", "#2f8fd1", "#1f9d74", "#c2508f", "#8a6fd1", "#a98a1d", "#d1544f", "#2aa1a8",
    "#6f8f2c", "#a0663f", "#5b7be0", "#b05bc0", "#4f9a4a", "#c4607a",
)  # fmt: skip
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross")
LABEL_SIZE = 12
MOST_LABELS = 8
"""With more points than this a legend is easier to read than labels at the points."""
SIDES: tuple[tuple[Literal["left", "right"], int], ...] = (("left", 11), ("right", -11))
"""Labels stand right of their point (aligned left) or, near the right edge, left of it; offsets in px."""
PANEL = 200
"""Narrowest width of a panel of small multiples, px."""
ZERO_TICK = 1.0
"""Where a count of zero stands on a logarithmic axis, in decades below the smallest other count."""


def accuracy_chart(
    frame: pd.DataFrame, cells: Sequence[str], title: str = "R@1", extent: tuple[float, float] | None = None
) -> alt.LayerChart:
    """Return recall against trainable parameters (log axis with a place for zero), one point a cell.

    `frame` has the columns of frames.ACCURACY_COLUMNS; `cells` fixes the colours. `extent` (fractions) is
    what the vertical axis spans, so that two charts side by side can share it; by default the intervals of
    `frame`. A few cells are labelled at their points, many by a legend.
    """
    positive = frame["parameters"][frame["parameters"] > 0]
    low = math.floor(math.log10(positive.min())) if len(positive) else 3
    high = math.ceil(math.log10(positive.max())) if len(positive) else 4
    high = max(high, low + 1)
    zero, has_zero = 10.0 ** (low - ZERO_TICK), bool((frame["parameters"] == 0).any())
    data = frame.assign(x=frame["parameters"].where(frame["parameters"] > 0, zero))
    data = _place_labels(data, math.log10(zero if has_zero else 10.0**low), float(high))
    ticks = ([zero] if has_zero else []) + [10.0**power for power in range(low, high + 1)]
    axis = alt.Axis(
        values=ticks,
        title="trainable parameters",
        labelExpr=f"datum.value < {zero * 1.5} ? '0' : replace(format(datum.value, '~s'), 'G', 'B')",
        grid=False,
    )
    domain = [zero / 2 if has_zero else 10.0**low / 2, 10.0**high * 2]
    x = alt.X("x:Q", scale=alt.Scale(type="log", domain=domain, nice=False), axis=axis)
    labelled = len(frame) <= MOST_LABELS
    legend = None if labelled else alt.Legend(title=None, orient="bottom", columns=4, symbolOpacity=1)
    color = alt.Color("cell:N", scale=_colours(cells), legend=legend)
    shapes = [SHAPES[place // 3 % len(SHAPES)] for place in range(len(cells))]
    shape = alt.Shape("cell:N", scale=alt.Scale(domain=list(cells), range=shapes), legend=legend)
    tooltip = [
        "cell:N",
        alt.Tooltip("parameters:Q", format=",.0f", title="trainable parameters"),
        *_interval_tooltip(title),
    ]
    bottom, top = extent or (frame["ci_low"].min(), frame["ci_high"].max())
    margin = max(0.06 * (top - bottom), 0.002)
    scale = alt.Scale(domain=[bottom - margin, top + margin], nice=False, zero=False)
    layers: list[alt.Chart] = []
    for offset in sorted(set(data["dodge"])):
        base = alt.Chart(data[data["dodge"] == offset]).encode(x=x, color=color)
        y = alt.Y("ci_low:Q", title=f"{title}, %", axis=_percent_axis(), scale=scale)
        layers.append(base.mark_rule(xOffset=offset, strokeWidth=2, opacity=0.7).encode(y=y, y2="ci_high:Q"))
        layers.append(
            base.mark_point(xOffset=offset, filled=True, size=90, opacity=1).encode(
                y=alt.Y("value:Q"), tooltip=tooltip, **({} if labelled else {"shape": shape})
            )
        )
        for side, shift in SIDES if labelled else ():
            chosen = data[(data["align"] == side) & (data["dodge"] == offset)]
            labels = alt.Chart(chosen).mark_text(
                align=side, dx=offset + shift, fontSize=LABEL_SIZE, fontWeight=600
            )
            if len(chosen):
                layers.append(labels.encode(x=x, y=alt.Y("label_y:Q"), text="cell:N", color=color))
    if has_zero:
        gap = pd.DataFrame({"x": [10.0 ** (low - ZERO_TICK / 2)]})
        layers.insert(0, alt.Chart(gap).mark_rule(strokeDash=[2, 4], opacity=0.5, color="#888").encode(x=x))
    return cast(alt.LayerChart, alt.layer(*layers).properties(width="container", height=300))


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
    base = alt.Chart(data).encode(y=y, color=alt.Color("cell:N", scale=_colours(cells), legend=None))
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
            tooltip=["cell:N", "shift:N", *_interval_tooltip("loss of R@1")],
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


def search_chart(frame: pd.DataFrame, title: str = "recall@10") -> alt.LayerChart:
    """Return recall against latency of each index: a point at p50, a line to p99, an interval of recall.

    `frame` has the columns of frames.SEARCH_COLUMNS. Indexes with a re-ranker are diamonds, joined to the
    same index without it.
    """
    families = list(dict.fromkeys(frame["family"]))
    color = alt.Color("family:N", scale=_colours(families, skip=1), legend=None)
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
    y = alt.Y("value:Q", title=f"{title}, %", axis=_percent_axis(), scale=alt.Scale(zero=False, nice=True))
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
                *_interval_tooltip(title),
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


def _colours(names: Sequence[str], skip: int = 0) -> alt.Scale:
    """Return a scale that gives each name its colour by its place, so that all charts agree."""
    return alt.Scale(
        domain=list(names), range=[PALETTE[(place + skip) % len(PALETTE)] for place in range(len(names))]
    )


def _percent_axis() -> alt.Axis:
    return alt.Axis(labelExpr="format(100 * datum.value, '.3~g')", tickCount=6, titleAngle=-90)


def _interval_tooltip(title: str) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("value:Q", format=".1%", title=title),
        alt.Tooltip("ci_low:Q", format=".1%", title="interval from"),
        alt.Tooltip("ci_high:Q", format=".1%", title="to"),
        alt.Tooltip("number_id:N", title="number"),
    ]


def _place_labels(data: pd.DataFrame, first: float, last: float) -> pd.DataFrame:
    """Add `label_y`, `align` and `dodge`: labels and points that would cover one another are set apart.

    Distances are estimated for a plot 420 px wide and 260 px high; equal counts are dodged by pixels, never
    by changing the data.
    """
    width, line = 420.0, 16.0
    reach = max(float(data["ci_high"].max() - data["ci_low"].min()), 1e-9) / 260.0 if len(data) else 1.0
    data = data.sort_values(["value", "cell"], ascending=[False, True]).reset_index(drop=True)
    place = data["x"].map(lambda x: (math.log10(x) - first + 0.3) / (last - first + 0.6) * width)
    twins = [sum(abs(math.log10(x / other)) < 0.03 for other in data["x"]) > 1 for x in data["x"]]
    dodge: list[int] = []
    align: list[str] = []
    label_y: list[float] = []
    boxes: list[tuple[float, float, float]] = []
    for at, twin, value, cell, x in zip(place, twins, data["value"], data["cell"], data["x"], strict=True):
        before = sum(abs(math.log10(x / other)) < 0.03 for other in data["x"][: len(dodge)])
        dodge.append((before + 1) // 2 * 7 * (1 if before % 2 else -1))
        # Of points at one count those on the left are labelled to the left, so that no label hides a point.
        side = "right" if (dodge[-1] <= 0 if twin else at > 0.6 * width) else "left"
        align.append(side)
        span = 7.2 * len(cell) + 14
        left, right = (at, at + span) if side == "left" else (at - span, at)
        top = value
        for other_left, other_right, other_y in boxes:
            if left < other_right and other_left < right and abs(top - other_y) < line * reach:
                top = other_y - line * reach
        boxes.append((left, right, top))
        label_y.append(top)
    return data.assign(label_y=label_y, align=align, dodge=dodge)
