"""What the charts of the report share: colours, axes, tooltips.

Colours are mid-tones that stand on white and on near-black; the page sets the colour of axes and labels.
"""

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import altair as alt
import pandas as pd

from crossmodal.report.formatting import format_level

PALETTE = (
    "#7a7f87", "#d1782f", "#2f8fd1", "#1f9d74", "#c2508f", "#8a6fd1", "#a98a1d", "#d1544f", "#2aa1a8",
    "#6f8f2c", "#a0663f", "#5b7be0", "#b05bc0", "#4f9a4a", "#c4607a",
)  # fmt: skip
QUIET = "#9aa0a8"
"""The colour of what stands back."""
LABEL_SIZE = 12
SIDES: tuple[tuple[Literal["left", "right"], int], ...] = (("left", 11), ("right", -11))
"""Labels stand right of their point (aligned left) or, near the right edge, left of it; offsets in px."""
INTERVAL = "interval from"
"""How tooltips call the lower end of an interval; the page adds the level, which charts do not know."""
ZERO_TICK = 1.0
"""Where a cost of zero stands on a logarithmic axis, in decades below the smallest other cost."""


class LogAxis(NamedTuple):
    """A logarithmic axis with a place for zero."""

    x: alt.X
    """The encoding of the column `x`, the positions."""
    positions: pd.Series
    first: float
    """Decades of the ends of the axis."""
    last: float
    gap: alt.Chart | None
    """A dashed line between zero and the rest, where there is a zero."""


def log_axis(values: pd.Series, title: str) -> LogAxis:
    """Return the axis of `values`, none negative; zeros stand left of all others.

    It spans whole decades, or no more than `values` where all of them lie within one.
    """
    positive = values[values > 0]
    if len(positive) == len(values) > 0 and values.max() < 10 * values.min():
        ends = [float(values.min()) / 1.15, float(values.max()) * 1.15]
        tight = alt.Axis(title=title, tickCount=5, format="~g", grid=False)
        scale = alt.Scale(type="log", domain=ends, nice=False)
        first, last = (math.log10(end) for end in ends)
        return LogAxis(alt.X("x:Q", scale=scale, axis=tight), values, first, last, None)
    low = math.floor(math.log10(positive.min())) if len(positive) else 3
    high = math.ceil(math.log10(positive.max())) if len(positive) else 4
    high = max(high, low + 1)
    zero, has_zero = 10.0 ** (low - ZERO_TICK), bool((values == 0).any())
    ticks = ([zero] if has_zero else []) + [10.0**power for power in range(low, high + 1)]
    axis = alt.Axis(
        values=ticks,
        title=title,
        labelExpr=f"datum.value < {zero * 1.5} ? '0' : datum.value < 1 ? format(datum.value, '~g') "
        ": replace(format(datum.value, '~s'), 'G', 'B')",
        grid=False,
    )
    domain = [zero / 2 if has_zero else 10.0**low / 2, 10.0**high * 2]
    x = alt.X("x:Q", scale=alt.Scale(type="log", domain=domain, nice=False), axis=axis)
    gap = None
    if has_zero:
        line = pd.DataFrame({"x": [10.0 ** (low - ZERO_TICK / 2)]})
        gap = alt.Chart(line).mark_rule(strokeDash=[2, 4], opacity=0.5, color="#888").encode(x=x)
    first = math.log10(zero if has_zero else 10.0**low)
    return LogAxis(x, values.where(values > 0, zero), first, float(high), gap)


def colours(names: Sequence[str], skip: int = 0) -> alt.Scale:
    """Return a scale that gives each name its colour by its place, so that all charts agree."""
    return alt.Scale(
        domain=list(names), range=[PALETTE[(place + skip) % len(PALETTE)] for place in range(len(names))]
    )


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
