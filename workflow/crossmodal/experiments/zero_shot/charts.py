"""The chart of H4: what each cell and student finds on each domain."""

from collections.abc import Sequence
from typing import Any, cast

import altair as alt
import pandas as pd

from crossmodal.report.cell_styles import Styles
from crossmodal.report.chart_parts import cell_colour, cell_shape, interval_tooltip, top_legend
from crossmodal.report.frames import value_columns
from crossmodal.report.lookup import Numbers

ROW = 15
"""Height of a cell's line, px."""


def domains_frame(numbers: Numbers, names: Sequence[str], domains: Sequence[str]) -> pd.DataFrame:
    """Return R@10 on each domain, mean of both directions, of cells, students and the probe, with intervals."""
    rows: list[dict[str, Any]] = []
    for domain in domains:
        for cell in names:
            where = {"dataset": domain, "variant": "clean", "direction": "mean"}
            found = numbers.find("zero_shot", "recall@10", cell=cell, **where)
            if found:
                rows.append({"domain": domain, "cell": cell, **value_columns(found)})
    return pd.DataFrame(rows, columns=["domain", "cell", "value", "ci_low", "ci_high", "number_id"])


def domains_chart(frame: pd.DataFrame, styles: Styles) -> alt.LayerChart:
    """Return R@10 (axis) by domain (rows), a point with its interval for each cell, one below the other."""
    shown = {cell: styles[cell] for cell in dict.fromkeys(frame["cell"])}
    domains = list(dict.fromkeys(frame["domain"]))
    y = alt.Y("domain:N", sort=domains, title=None, axis=alt.Axis(ticks=False, domain=False, labelLimit=130))
    x_axis = alt.Axis(labelExpr="format(100 * datum.value, '.3~g')", tickCount=6, grid=True)
    base = alt.Chart(frame).encode(
        y=y,
        yOffset=alt.YOffset("cell:N", sort=list(shown), scale=alt.Scale(paddingOuter=0.6)),
        color=cell_colour(shown, legend=top_legend()),
    )
    x = alt.X("ci_low:Q", title="R@10, mean of both directions, %", axis=x_axis, scale=alt.Scale(domainMin=0))
    tooltip = ["cell:N", "domain:N", *interval_tooltip("R@10")]
    layers = [
        base.mark_rule(strokeWidth=2, opacity=0.6).encode(x=x, x2="ci_high:Q"),
        base.mark_point(filled=True, size=55, opacity=1).encode(
            x=alt.X("value:Q"), shape=cell_shape(shown, legend=top_legend()), tooltip=tooltip
        ),
    ]
    height = max(60, ROW * (len(shown) + 1) * len(domains))
    return cast(alt.LayerChart, alt.layer(*layers).properties(width="container", height=height))
