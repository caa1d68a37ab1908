"""The chart of few-shot classification: accuracy by shots, a line for each kind of method."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from crossmodal.experiments.few_shot.accuracies import ROOM
from crossmodal.experiments.few_shot.names import ACCURACY, variant_of
from crossmodal.experiments.few_shot.params import Params
from crossmodal.report.cell_styles import Styles
from crossmodal.report.chart_parts import interval_tooltip
from crossmodal.report.frames import value_columns
from crossmodal.report.lookup import Numbers
from crossmodal.report.series_chart import first_of_each, series_chart
from crossmodal.statistics.queries import IMAGE_TO_TEXT


def in_front(room: Params) -> list[str]:
    """Return the first method of each kind, in their order: variants of a kind stand in the tables alone."""
    return first_of_each((name, method.kind) for name, method in room.methods.items())


def shots_frame(numbers: Numbers, room: Params, methods: Sequence[str]) -> pd.DataFrame:
    """Return the accuracy, the mean that is judged, of each method and number of shots that has one."""
    rows = []
    for method in methods:
        for shots in sorted(room.shots):
            where = {
                "dataset": room.judged(),
                "variant": variant_of(shots),
                "direction": IMAGE_TO_TEXT,
                "split": "test",
            }
            if number := numbers.find(ROOM, ACCURACY, cell=method, **where):
                rows.append({"cell": method, "shots": str(shots), **value_columns(number)})
    return pd.DataFrame(rows, columns=["cell", "shots", "value", "ci_low", "ci_high", "number_id"])


def shots_chart(frame: pd.DataFrame, styles: Styles) -> alt.LayerChart:
    """Return accuracy (axis) by shots (axis): a line with intervals for each method."""
    order = list(dict.fromkeys(frame["shots"]))
    x = alt.X("shots:N", title="images of each class", sort=order, axis=alt.Axis(labelAngle=0))
    tooltip = ["cell:N", alt.Tooltip("shots:N", title="shots"), *interval_tooltip("accuracy")]
    return series_chart(frame, styles, x, "accuracy, %", tooltip, 320)
