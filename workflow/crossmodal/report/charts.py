"""Charts of accuracy and of search against costs: a tidy table of frames.py in, an Altair chart out."""

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
)
from crossmodal.report.label_places import place_labels

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
