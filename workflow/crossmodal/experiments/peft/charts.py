"""Charts of H1: recall against each cost, with the Pareto frontier."""

import math
from typing import Any, cast

import altair as alt
import pandas as pd

from crossmodal.experiments.peft.tables import PARETO, pareto_cost
from crossmodal.report.cell_styles import SHAPES, Styles
from crossmodal.report.cells import Grid
from crossmodal.report.chart_parts import (
    QUIET,
    cell_colour,
    interval_tooltip,
    log_axis,
    percent_axis,
)
from crossmodal.report.charts import NARROW_PLOT, label_layers, with_narrow
from crossmodal.report.frames import value_columns
from crossmodal.report.label_places import place_labels
from crossmodal.report.lookup import Numbers

COLUMNS = ["cell", "group", "cost", "frontier", "probability", "value", "ci_low", "ci_high", "number_id"]

RISE = 7
"""How far labels stand above their points, px: between a step of the frontier and the next."""


def pareto_charts(numbers: Numbers, grid: Grid) -> dict[str, dict[str, Any]]:
    """Return the Vega-Lite specification of recall over each cost that has data, by `pareto-<cost>`."""
    found = {}
    for kind, (title, _, _) in PARETO.items():
        frame, is_wide = pareto_frame(numbers, grid, kind), kind == "parameters"
        if len(frame):
            wide = pareto_chart(frame, grid.styles, title, width=1000.0 if is_wide else 420.0)
            narrow = pareto_chart(frame, grid.styles, title, width=NARROW_PLOT)
            found[f"pareto-{kind}"] = with_narrow(wide, narrow)
    return found


def pareto_frame(numbers: Numbers, grid: Grid, kind: str) -> pd.DataFrame:
    """Return R@1 on the target (fraction, mean of both directions) and a cost of the cells that are compared.

    `frontier` says whether no other cell dominates, `probability` in what share of resamples.
    """
    place = {"dataset": grid.target, "split": "test", "variant": "clean", "direction": "mean"}
    rows = []
    for cell in grid.cells:
        found = [
            numbers.find("peft", metric, cell=cell, **place)
            for metric in ("recall@1", f"pareto_{kind}", f"pareto_{kind}_probability")
        ]
        recall, member, share = found
        cost = pareto_cost(numbers, cell, kind)
        if recall and member and share and cost and not math.isnan(recall.value + cost.value):
            facts = {"cell": cell, "group": grid.group_of(cell), "cost": cost.value}
            known = {"frontier": member.value == 1, "probability": share.value}
            rows.append(facts | known | value_columns(recall))
    return pd.DataFrame(rows, columns=COLUMNS)


def pareto_chart(
    frame: pd.DataFrame, styles: Styles, cost: str, title: str = "R@1", width: float = 420.0
) -> alt.LayerChart:
    """Return recall against a cost (log axis with a place for zero) with the Pareto frontier as a step line.

    `frame` has the columns COLUMNS. Points on the frontier are filled and have their cell's colour and its name,
    the others are grey rings, named where there is room; groups of cells have shapes. `cost` is the title of the
    axis, with its unit; `width` is what the page will about give the plot, px, for the place of labels.
    """
    axis = log_axis(frame["cost"], cost)
    members = list(frame["cell"][frame["frontier"]])
    # Above the frontier and left of its steps nothing is drawn: labels stand there.
    placed, everyone = frame.assign(x=axis.positions), list(frame["cell"])
    data = place_labels(placed, axis.first, axis.last, members, width, 0.2, RISE, everyone, axis.margin)
    groups = list(dict.fromkeys(frame["group"]))
    grey: dict[str, Any] = {"symbolFillColor": QUIET, "symbolStrokeColor": QUIET}
    legend = alt.Legend(title=None, orient="top", symbolOpacity=1, **grey) if len(groups) > 1 else None
    shapes = [SHAPES[place % len(SHAPES)] for place in range(len(groups))]
    shape = alt.Shape("group:N", scale=alt.Scale(domain=groups, range=shapes), legend=legend)
    color = cell_colour(styles, members)
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
    names: list[alt.Chart] = []
    layers: list[alt.Chart] = [
        *axis.gap,
        alt.Chart(steps)
        .mark_line(interpolate="step-after", strokeWidth=1.5, strokeDash=[5, 3], color=QUIET)
        .encode(x=axis.x, y=y),
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
                layers.append(mark.encode(y=y, shape=shape, tooltip=tooltip))
        names += label_layers(here, axis.x, color, offset, rise=-RISE)
    return cast(alt.LayerChart, alt.layer(*layers, *names).properties(width="container", height=280))
