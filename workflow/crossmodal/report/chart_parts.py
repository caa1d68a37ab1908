"""What the charts of the report share: styles, axes, tooltips. The page sets the colour of axes and labels."""

import math
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Literal, NamedTuple

import altair as alt
import pandas as pd

from crossmodal.report.cell_styles import PALETTE, Styles
from crossmodal.report.formatting import format_level

QUIET = "#9aa0a8"
"""The colour of what stands back."""
LABEL_SIZE = 12
SIDES: tuple[tuple[Literal["left", "right"], int], ...] = (("left", 11), ("right", -11))
"""Labels stand right of their point (aligned left) or, near the right edge, left of it; offsets in px."""
INTERVAL = "interval from"
"""How tooltips call the lower end of an interval; the page adds the level, which charts do not know."""
SHORT = "datum.value < 1 ? format(datum.value, '~g') : replace(format(datum.value, '~s'), 'G', 'B')"
"""A tick as 0.5, 20, 3k, 4M or 5B."""
ZERO_TICK = 1.0
"""Where a cost of zero stands on a logarithmic axis, in decades below the smallest other cost."""


class LogAxis(NamedTuple):
    """A logarithmic axis with a place for zero."""

    x: alt.X
    """The encoding of the column `x`, the positions."""
    positions: pd.Series
    first: float
    """Decades of the ends of the axis, without its margins."""
    last: float
    margin: float
    """How far it goes on beyond its ends, in decades."""
    gap: list[alt.Chart]
    """A dashed line between zero and the rest with its name, where there is a zero."""


def log_axis(values: pd.Series, title: str) -> LogAxis:
    """Return the axis of `values`, none negative; zeros stand left of all others.

    It spans whole decades, or no more than `values` where all of them lie within one.
    """
    positive = values[values > 0]
    if len(positive) == len(values) > 0 and values.max() < 10 * values.min():
        ends = [float(values.min()) / 1.15, float(values.max()) * 1.15]
        tight = alt.Axis(title=title, tickCount=5, labelExpr=SHORT, grid=False)
        scale = alt.Scale(type="log", domain=ends, nice=False)
        first, last = (math.log10(end) for end in ends)
        return LogAxis(alt.X("x:Q", scale=scale, axis=tight), values, first, last, 0.0, [])
    low = math.floor(math.log10(positive.min())) if len(positive) else 3
    high = math.ceil(math.log10(positive.max())) if len(positive) else 4
    high = max(high, low + 1)
    zero, has_zero = 10.0 ** (low - ZERO_TICK), bool((values == 0).any())
    ticks = ([zero] if has_zero else []) + [10.0**power for power in range(low, high + 1)]
    axis = alt.Axis(
        values=ticks,
        title=title,
        labelExpr=f"datum.value < {zero * 1.5} ? '0' : {SHORT}",
        grid=False,
    )
    domain = [zero / 2 if has_zero else 10.0**low / 2, 10.0**high * 2]
    x = alt.X("x:Q", scale=alt.Scale(type="log", domain=domain, nice=False), axis=axis)
    gap = []
    if has_zero:
        line = alt.Chart(pd.DataFrame({"x": [10.0 ** (low - ZERO_TICK / 2)], "name": ["log scale →"]}))
        gap = [
            line.mark_rule(strokeDash=[2, 4], opacity=0.5, color="#888").encode(x=x),
            line.mark_text(align="left", baseline="top", dx=5, color=QUIET, fontSize=11).encode(
                x=x, y=alt.value(0), text="name:N"
            ),
        ]
    first = math.log10(zero if has_zero else 10.0**low)
    return LogAxis(x, values.where(values > 0, zero), first, float(high), math.log10(2), gap)


def cell_colour(
    styles: Styles,
    front: Collection[str] | None = None,
    legend: alt.Legend | None = None,
    field: str = "cell",
) -> alt.Color:
    """Return the colours of cells; of those that are not in `front`, where given, the quiet one."""
    palette = [s.colour if front is None or cell in front else QUIET for cell, s in styles.items()]
    return alt.Color(f"{field}:N", scale=alt.Scale(domain=list(styles), range=palette), legend=legend)


def cell_shape(
    styles: Styles,
    front: Collection[str] | None = None,
    legend: alt.Legend | None = None,
    field: str = "cell",
) -> alt.Shape:
    """Return the shapes of cells; of those that are not in `front`, where given, a circle."""
    shapes = [s.shape if front is None or cell in front else "circle" for cell, s in styles.items()]
    return alt.Shape(f"{field}:N", scale=alt.Scale(domain=list(styles), range=shapes), legend=legend)


def top_legend() -> alt.Legend:
    """Return a legend above a chart; the page breaks it into as many columns as there is room for."""
    return alt.Legend(title=None, orient="top", symbolOpacity=1)


def legend_width(names: Iterable[str]) -> int:
    """Return how wide an entry of a legend of `names` is, in px, for the page to count columns."""
    return 28 + round(6.6 * max(map(len, names), default=0))


def colours(names: Sequence[str], skip: int = 0, among: Sequence[str] = ()) -> alt.Scale:
    """Return a scale that gives each name, of something else than cells, a colour by its place.

    Where charts show different names, their places are those `among` all: one name has one colour in every chart.
    """
    places = [list(among or names).index(name) for name in names]
    return alt.Scale(domain=list(names), range=[PALETTE[(place + skip) % len(PALETTE)] for place in places])


def percent_axis() -> alt.Axis:
    """Return a vertical axis of fractions, written in per cent."""
    return alt.Axis(labelExpr="format(100 * datum.value, '.3~g')", tickCount=6, titleAngle=-90)


def interval_tooltip(title: str) -> list[alt.Tooltip]:
    """Return what a tooltip says of a value with its interval and its id."""
    return [
        alt.Tooltip("value:Q", format=".1%", title=title),
        alt.Tooltip("ci_low:Q", format=".1%", title=INTERVAL),
        alt.Tooltip("ci_high:Q", format=".1%", title="to"),
        alt.Tooltip("number_id:N", title="number"),
    ]


def naming_level(part: Any, level: float) -> Any:
    """Return a specification, or a part of one, with the level of the intervals (a share) in its tooltips."""
    if isinstance(part, list):
        return [naming_level(item, level) for item in part]
    if not isinstance(part, dict):
        return part
    named = {key: naming_level(item, level) for key, item in part.items()}
    return named | {"title": f"{format_level(level)} {INTERVAL}"} if part.get("title") == INTERVAL else named
