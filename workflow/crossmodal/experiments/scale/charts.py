"""Charts of H3 at size: what is found, how fast, how large and how long in building, over the number of
items.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import altair as alt
import pandas as pd

from crossmodal.experiments.scale.params import size_of, system_of
from crossmodal.experiments.scale.tables import EXPERIMENT
from crossmodal.report.chart_parts import colours, legend_width, percent_axis
from crossmodal.report.figures import defined
from crossmodal.report.lookup import Number, Numbers

COLUMNS = ["system", "items", "synthetic", "value", "low", "high", "fitted", "number_id"]


class Shown(NamedTuple):
    """A chart: the metric, the title of its axis, whether that is logarithmic, and the metric of its growth."""

    metric: str
    title: str
    log: bool
    growth: str
    factor: float = 1.0


CHARTS = {
    "scale-found": Shown(
        "index_recall@10", "exhaustive top ten found, %", False, "per_decade_index_recall@10"
    ),
    "scale-recall": Shown("recall@10", "R@10, %", True, "growth_recall@10", 100.0),
    "scale-p50": Shown("latency_p50", "p50, ms", True, "growth_latency_p50"),
    "scale-p99": Shown("latency_p99", "p99, ms", True, "growth_latency_p99"),
    "scale-bytes": Shown("bytes", "memory of the index, MB", True, "growth_bytes", 1e-6),
    "scale-building": Shown("build_seconds", "building, s", True, "growth_build_seconds"),
}


def scale_charts(numbers: Numbers) -> dict[str, dict[str, Any]]:
    """Return the Vega-Lite specification of each chart that has data of two sizes."""
    frames = {name: scale_frame(numbers, shown) for name, shown in CHARTS.items()}
    systems = sorted({system for frame in frames.values() for system in frame["system"]})
    return {
        name: scale_chart(frame, CHARTS[name], systems).to_dict()
        for name, frame in frames.items()
        if frame["items"].nunique() > 1
    }


def scale_frame(numbers: Numbers, shown: Shown) -> pd.DataFrame:
    """Return a metric by way to search and size, with its interval and the fit of its growth through its
    middle.
    """
    rows: list[dict[str, Any]] = []
    for number in numbers.select(EXPERIMENT, shown.metric):
        if number.seed != "*" or not defined(number) or not number.value > 0:
            continue
        synthetic = numbers.find(EXPERIMENT, "items_synthetic", variant=number.variant)
        rows.append(
            {
                "system": system_of(number.variant),
                "items": size_of(number.variant),
                "synthetic": synthetic.value if synthetic else 0,
                "value": number.value * shown.factor,
                "low": _lower(number, shown.log) * shown.factor,
                "high": (number.value if number.ci_high is None else number.ci_high) * shown.factor,
                "fitted": None,
                "number_id": number.number_id,
            }
        )
    frame = pd.DataFrame(rows, columns=COLUMNS)
    for system, own in frame.groupby("system"):
        slope = numbers.find(EXPERIMENT, shown.growth, variant=str(system))
        if defined(slope):
            frame.loc[own.index, "fitted"] = _line(
                list(own["items"]), list(own["value"]), slope.value, shown.log
            )
    return frame


def _lower(number: Number, log: bool) -> float:
    """Return where an interval begins; one from 0 begins, on a logarithmic axis, at a tenth of the value."""
    low = number.value if number.ci_low is None else number.ci_low
    return low if low > 0 or not log else number.value / 10


def _line(sizes: list[int], values: list[float], slope: float, log: bool) -> list[float]:
    """Return the fitted line at `sizes`: least squares put it through the mean of the points."""
    x = [math.log10(size) for size in sizes]
    y = [math.log10(value) for value in values] if log else values
    middle = sum(x) / len(x), sum(y) / len(y)
    fitted = [middle[1] + slope * (place - middle[0]) for place in x]
    return [10**value for value in fitted] if log else fitted


def scale_chart(frame: pd.DataFrame, shown: Shown, every: Sequence[str]) -> alt.LayerChart:
    """Return a point with its interval for each way to search and size; dashed lines where growth is fitted.

    A way has its colour by its place among `every` one that some chart shows.
    """
    systems = [system for system in every if system in set(frame["system"])]
    legend = alt.Legend(title=None, orient="bottom", symbolOpacity=1)
    color = alt.Color("system:N", scale=colours(systems, 1, every), legend=legend)
    low, high = frame["items"].min(), frame["items"].max()
    x = alt.X(
        "items:Q",
        scale=alt.Scale(type="log", domain=[low / 1.5, high * 1.5], nice=False),
        axis=alt.Axis(title="items", format="~s", grid=False, tickCount=5),
    )
    scale = alt.Scale(type="log", nice=True) if shown.log else alt.Scale(zero=False, nice=True)
    axis = alt.Axis(format="~g", tickCount=5, titleAngle=-90) if shown.log else percent_axis()
    y = alt.Y("value:Q", title=shown.title, axis=axis, scale=scale)
    tooltip = [
        "system:N",
        alt.Tooltip("items:Q", format=",.0f"),
        alt.Tooltip("synthetic:Q", format=",.0f", title="of them synthetic"),
        alt.Tooltip("value:Q", format=".3~g" if shown.log else ".1%", title=shown.title),
        alt.Tooltip("number_id:N", title="number"),
    ]
    base = alt.Chart(frame.drop(columns="fitted")).encode(x=x, color=color)
    fitted = frame[frame["fitted"].notna()]
    lines = alt.Chart(fitted).mark_line(strokeDash=[4, 3], strokeWidth=1.5, opacity=0.7)
    layers = [  # a layer without a row would leave the axis without an extent
        *([lines.encode(x=x, color=color, y=alt.Y("fitted:Q", scale=scale))] if len(fitted) else []),
        base.mark_rule(strokeWidth=2, opacity=0.6).encode(y=alt.Y("low:Q", scale=scale), y2="high:Q"),
        base.mark_point(filled=True, size=80, opacity=1).encode(y=y, tooltip=tooltip),
    ]
    meta = {"legend": legend_width(systems)}
    return cast(alt.LayerChart, alt.layer(*layers).properties(width="container", height=260, usermeta=meta))
