"""A chart of lines with intervals that stand side by side, so that none hides another."""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, cast

import altair as alt
import pandas as pd

from crossmodal.report.cell_styles import Styles
from crossmodal.report.chart_parts import cell_colour, cell_shape, legend_width, percent_axis, top_legend

DODGE = 4.0
"""How far apart the points of two lines stand at one place of the axis, px."""


def first_of_each(named: Iterable[tuple[str, Hashable]]) -> list[str]:
    """Return the first name of each kind, in their order: variants of a kind stand in the tables alone."""
    first: dict[Hashable, str] = {}
    for name, kind in named:
        first.setdefault(kind, name)
    return list(first.values())


def series_chart(
    frame: pd.DataFrame, styles: Styles, x: alt.X, title: str, tooltip: Sequence[Any], height: int
) -> alt.LayerChart:
    """Return the fractions `value`, `ci_low` and `ci_high` of `frame` by `x`: a line for each `cell` in it.

    `title` is that of the vertical axis, in per cent.
    """
    shown = {cell: styles[cell] for cell in dict.fromkeys(frame["cell"])}
    colour, shape = cell_colour(shown, legend=top_legend()), cell_shape(shown, legend=top_legend())
    value = alt.Y("value:Q", title=title, axis=percent_axis(), scale=alt.Scale(zero=False))
    layers: list[alt.Chart] = []
    for place, cell in enumerate(shown):
        offset = DODGE * (place - (len(shown) - 1) / 2)
        base = alt.Chart(frame[frame["cell"] == cell]).encode(x=x, color=colour)
        layers.append(base.mark_line(xOffset=offset, strokeWidth=1.5, opacity=0.6).encode(y=value))
        rule = base.mark_rule(xOffset=offset, strokeWidth=2, opacity=0.5)
        layers.append(rule.encode(y=alt.Y("ci_low:Q"), y2="ci_high:Q"))
        points = base.mark_point(xOffset=offset, filled=True, size=60, opacity=1)
        layers.append(points.encode(y=value, shape=shape, tooltip=list(tooltip)))
    meta = {"legend": legend_width(shown)}
    return cast(
        alt.LayerChart, alt.layer(*layers).properties(width="container", height=height, usermeta=meta)
    )
