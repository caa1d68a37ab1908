"""The chart of tuning: validation MRR over learning rate."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import altair as alt
import pandas as pd

from crossmodal.experiments.tuning.tables import chosen_rates, families_of, measured_rates
from crossmodal.report.cell_styles import Style, Styles, styles_of
from crossmodal.report.chart_parts import cell_colour, cell_shape, legend_width, percent_axis
from crossmodal.report.figures import defined
from crossmodal.report.formatting import ABSENT, format_value
from crossmodal.report.lookup import Numbers

COLUMNS = ["family", "rate", "value", "low", "high", "deviation", "told", "chosen", "number_id"]


def tuning_charts(
    numbers: Numbers, decides: Mapping[str, Sequence[str]], cells: Styles
) -> dict[str, dict[str, Any]]:
    """Return the Vega-Lite specification of the chart, none where nothing was measured.

    `decides` are the cells that each family decides for, `cells` the styles of all cells.
    """
    frame = tuning_frame(numbers)
    styles = family_styles(families_of(numbers), decides, cells)
    return {"tuning-rates": tuning_chart(frame, styles).to_dict()} if len(frame) else {}


def family_styles(
    families: Sequence[str], decides: Mapping[str, Sequence[str]], cells: Styles
) -> dict[str, Style]:
    """Return how each family looks: as the first of its cells does, so that charts of cells agree with this."""
    own = styles_of(families)
    found = {}
    for family in families:
        first = next((cell for cell in decides.get(family, ()) if cell in cells), None)
        found[family] = cells[first] if first else own[family]
    return found


def tuning_frame(numbers: Numbers) -> pd.DataFrame:
    """Return learning rate and validation MRR (fraction) with one standard deviation over seeds to each side.

    `told` is that deviation in words: of one seed there is none, and it counts as 0.
    """
    chosen = chosen_rates(numbers)
    rows: list[dict[str, object]] = []
    for family, variant, rate, mrr in measured_rates(numbers):
        if not (defined(rate) and defined(mrr)):
            continue
        found = numbers.deviation(mrr)
        deviation = found.value if found else 0.0
        told = format_value(deviation, "fraction") if found else f"{ABSENT} (one seed)"
        rows.append(
            {
                "family": family,
                "rate": rate.value,
                "value": mrr.value,
                "low": mrr.value - deviation,
                "high": mrr.value + deviation,
                "deviation": deviation,
                "told": told,
                "chosen": chosen.get(family) == variant,
                "number_id": mrr.number_id,
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def tuning_chart(frame: pd.DataFrame, styles: Styles) -> alt.LayerChart:
    """Return a line for each family: a dot with its deviation at each rate, a ring around the chosen one."""
    legend = alt.Legend(title=None, orient="bottom", symbolOpacity=1)
    color = cell_colour(styles, legend=legend, field="family")
    shape = cell_shape(styles, legend=legend, field="family")
    low, high = math.log10(frame["rate"].min()), math.log10(frame["rate"].max())
    scale = alt.Scale(type="log", domain=[10 ** (low - 0.15), 10 ** (high + 0.15)], nice=False)
    x = alt.X(
        "rate:Q", scale=scale, axis=alt.Axis(title="learning rate", format="~g", grid=False, tickCount=5)
    )
    y = alt.Y(
        "value:Q", title="validation MRR, %", axis=percent_axis(), scale=alt.Scale(zero=False, nice=True)
    )
    base = alt.Chart(frame).encode(x=x, color=color)
    tooltip = [
        "family:N",
        alt.Tooltip("rate:Q", format="~g", title="learning rate"),
        alt.Tooltip("value:Q", format=".1%", title="validation MRR"),
        alt.Tooltip("told:N", title="standard deviation over seeds"),
        alt.Tooltip("number_id:N", title="number"),
    ]
    layers = [
        base.mark_line(strokeWidth=1.5, opacity=0.6).encode(y=y),
        base.mark_rule(strokeWidth=2, opacity=0.6).encode(y=alt.Y("low:Q"), y2="high:Q"),
        base.mark_point(filled=True, size=55, opacity=1).encode(y=y, shape=shape, tooltip=tooltip),
        alt.Chart(frame[frame["chosen"].astype(bool)])
        .mark_point(filled=False, size=260, strokeWidth=2, opacity=1)
        .encode(x=x, y=y, color=color),
    ]
    meta = {"legend": legend_width(styles)}
    return cast(alt.LayerChart, alt.layer(*layers).properties(width="container", height=300, usermeta=meta))
