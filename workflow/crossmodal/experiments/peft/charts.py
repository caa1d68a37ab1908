"""Charts of H1: recall against each cost, with the Pareto frontier."""

import math
from typing import Any, cast

import altair as alt
import pandas as pd

from crossmodal.experiments.peft.tables import PARETO, pareto_cost
from crossmodal.report.cells import Grid
from crossmodal.report.chart_parts import (
    QUIET,
    colours,
    interval_tooltip,
    log_axis,
    percent_axis,
)
from crossmodal.report.charts import label_layers
from crossmodal.report.frames import value_columns
from crossmodal.report.label_places import place_labels
from crossmodal.report.lookup import Numbers

COLUMNS = ["cell", "group", "cost", "frontier", "probability", "value", "ci_low", "ci_high", "number_id"]

RISE = 7
"""How far labels stand above their points, px: between a step of the frontier and the next."""


def pareto_charts(numbers: Numbers, grid: Grid) -> dict[str, dict[str, Any]]:
    """Return the Vega-Lite specification of recall over each cost that has data, by `pareto-<cost>`."""
    frames = {kind: pareto_frame(numbers, grid, kind) for kind in PARETO}
    return {
        f"pareto-{kind}": pareto_chart(
            frame, PARETO[kind][0], width=1000.0 if kind == "parameters" else 420.0
        ).to_dict()
        for kind, frame in frames.items()
        if len(frame)
    }


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


def pareto_chart(frame: pd.DataFrame, cost: str, title: str = "R@1", width: float = 420.0) -> alt.LayerChart:
    """Return recall against a cost (log axis with a place for zero) with the Pareto frontier as a step line.

    `frame` has the columns of frames.PARETO_COLUMNS. Points on the frontier are filled and labelled, the others
    are rings; groups of cells have colours. `cost` is the title of the axis, with its unit; `width` is what the
    page will about give the chart, px, for the place of labels.
    """
    axis = log_axis(frame["cost"], cost)
    members = list(frame["cell"][frame["frontier"]])
    # Above the frontier and left of its steps nothing is drawn: labels stand there.
    data = place_labels(frame.assign(x=axis.positions), axis.first, axis.last, members, width, 0.2, RISE)
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
        layers += label_layers(here, members, axis.x, color, offset, rise=-RISE)
    if axis.gap is not None:
        layers.insert(0, axis.gap)
    return cast(alt.LayerChart, alt.layer(*layers).properties(width="container", height=280))
