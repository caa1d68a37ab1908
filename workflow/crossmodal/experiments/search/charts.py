"""Charts of H3: recall against the time of a query."""

import math
from collections.abc import Sequence
from typing import Any, cast

import altair as alt
import pandas as pd

from crossmodal.experiments.search.names import EXPAND, REFINE, read_way
from crossmodal.report.chart_parts import (
    LABEL_SIZE,
    SIDES,
    colours,
    interval_tooltip,
    legend_width,
    percent_axis,
)
from crossmodal.report.frames import value_columns
from crossmodal.report.label_places import place_labels
from crossmodal.report.lookup import Numbers

COLUMNS = [
    "index", "family", "kind", "latency", "latency_high", "value", "ci_low", "ci_high", "number_id",
]  # fmt: skip

RISE = 11
"""How far labels stand above their points, px: above the lines of latency."""
ALONE, EXACT, RERANKED = "index alone", "exact re-scoring", "another second stage"
SHAPES = {ALONE: "circle", EXACT: "square", RERANKED: "diamond"}


def search_charts(
    numbers: Numbers, headline: str, galleries: Sequence[str] = ()
) -> dict[str, dict[str, Any]]:
    """Return the Vega-Lite specification of each measure of what is found, over latency, that has data."""
    found = {
        ("search-recall", "R@10"): search_frame(numbers, "recall@10", headline, galleries),
        ("search-index", "exhaustive top ten found"): search_frame(
            numbers, "index_recall@10", headline, galleries
        ),
    }
    return {
        name: search_chart(frame, title).to_dict() for (name, title), frame in found.items() if len(frame)
    }


def search_frame(
    numbers: Numbers, metric: str = "recall@10", cell: str | None = None, galleries: Sequence[str] = ()
) -> pd.DataFrame:
    """Return recall (fraction) and latency (p50 and p99, ms) of the ways of `cell` that have both.

    `family` is the name of the index without its second stage, `kind` says in words what sort of stage it has.
    Without `cell`, the first cell in the table.
    """
    cells = numbers.distinct("cell", experiment="search", metric=metric)
    chosen = cell if cell in cells else (cells[0] if cells else "")
    rows: list[dict[str, object]] = []
    measured = numbers.select("search", metric, cell=chosen)
    for dataset, variant in dict.fromkeys((n.dataset, n.variant) for n in measured):
        where = {"cell": chosen, "dataset": dataset, "variant": variant}
        recall = numbers.find("search", metric, **where)  # over seeds, as the latencies are
        median = numbers.find("search", "latency_p50", **where)
        tail = numbers.find("search", "latency_p99", **where)
        if not (median and median.value > 0) or recall is None or math.isnan(recall.value):
            continue
        way = read_way(recall.variant, list(galleries))
        rows.append(
            {
                "index": way.plain,
                "family": way.base,
                "kind": kind_of(way.stage),
                "latency": median.value,
                "latency_high": tail.value if tail else median.value,
                **value_columns(recall),
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def kind_of(stage: str) -> str:
    """Return what sort of second stage one is, a key of SHAPES."""
    return EXACT if stage in (REFINE, EXPAND, "exact") else RERANKED if stage else ALONE


def search_chart(frame: pd.DataFrame, title: str = "recall@10") -> alt.LayerChart:
    """Return recall against latency of each index: a point at p50, a line to p99, an interval of recall.

    `frame` has the columns COLUMNS. An index with a second stage has another shape and is joined to the same
    index without it.
    """
    families = list(dict.fromkeys(frame["family"]))
    color = alt.Color("family:N", scale=colours(families, skip=1), legend=None)
    low, high = frame["latency"].min(), frame["latency_high"].max()
    placed = frame.assign(cell=frame["index"], x=frame["latency"])
    ends = math.log10(low), math.log10(high)
    data = place_labels(placed, *ends, list(frame["index"]), left_from=0.5, rise=RISE)
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
                scale=alt.Scale(domain=list(SHAPES), range=list(SHAPES.values())),
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
                align=align, dx=shift, dy=-RISE, fontSize=LABEL_SIZE, fontWeight=600
            )
            layers.append(labels.encode(x=x, y=alt.Y("label_y:Q"), text="index:N", color=color))
    meta = {"legend": legend_width(SHAPES)}
    return cast(alt.LayerChart, alt.layer(*layers).properties(width="container", height=300, usermeta=meta))
