"""The chart of few-shot classification: accuracy by shots, a line for each method."""

from collections.abc import Sequence
from typing import cast

import altair as alt
import pandas as pd

from crossmodal.experiments.few_shot.accuracies import ROOM
from crossmodal.experiments.few_shot.names import ACCURACY, SETS, variant_of
from crossmodal.experiments.few_shot.params import Params
from crossmodal.report.cell_styles import Styles
from crossmodal.report.chart_parts import cell_colour, cell_shape, interval_tooltip, percent_axis
from crossmodal.report.frames import value_columns
from crossmodal.report.lookup import Numbers
from crossmodal.statistics.queries import IMAGE_TO_TEXT


def shots_frame(numbers: Numbers, room: Params, methods: Sequence[str]) -> pd.DataFrame:
    """Return the accuracy, mean over all sets, of each method and number of shots that has one."""
    rows = []
    for method in methods:
        for shots in sorted(room.shots):
            where = {
                "dataset": SETS,
                "variant": variant_of(shots),
                "direction": IMAGE_TO_TEXT,
                "split": "test",
            }
            if number := numbers.find(ROOM, ACCURACY, cell=method, **where):
                rows.append({"cell": method, "shots": str(shots), **value_columns(number)})
    return pd.DataFrame(rows, columns=["cell", "shots", "value", "ci_low", "ci_high", "number_id"])


def shots_chart(frame: pd.DataFrame, styles: Styles) -> alt.LayerChart:
    """Return accuracy by shots: a line and its points with intervals for each method."""
    order = list(dict.fromkeys(frame["shots"]))
    x = alt.X("shots:N", title="images of each class", sort=order, axis=alt.Axis(labelAngle=0))
    scale = alt.Scale(zero=False)
    base = alt.Chart(frame).encode(x=x, color=cell_colour(styles))
    y = alt.Y("value:Q", title="accuracy, %", axis=percent_axis(), scale=scale)
    tooltip = ["cell:N", alt.Tooltip("shots:N", title="shots"), *interval_tooltip("accuracy")]
    offset = alt.XOffset("cell:N", sort=list(styles))
    layers = [
        base.mark_line(strokeWidth=1.5, opacity=0.5).encode(y=y),
        base.mark_rule(strokeWidth=2, opacity=0.5).encode(
            y=alt.Y("ci_low:Q", axis=percent_axis(), scale=scale), y2="ci_high:Q", xOffset=offset
        ),
        base.mark_point(filled=True, size=70, opacity=1).encode(
            y=y, shape=cell_shape(styles), tooltip=tooltip, xOffset=offset
        ),
    ]
    return cast(alt.LayerChart, alt.layer(*layers).properties(width="container", height=300))
