"""What DVC shows of H2: the loss under each shift."""

from crossmodal.experiments.robustness.frames import degradation_frame
from crossmodal.report.figures import Rows, cells_on
from crossmodal.report.lookup import Numbers

COLUMNS = ["shift_cell", "shift", "cell", "degradation", "number_ids"]


def degradation_rows(numbers: Numbers, target: str) -> Rows:
    """Return the relative loss of recall@1 (fraction, mean of both directions) by shift and cell.

    `shift_cell` names the row, for a bar chart.
    """
    cells = cells_on(numbers, target)
    return [
        {
            "shift_cell": f"{row['shift']} · {row['cell']}",
            "shift": row["shift"],
            "cell": row["cell"],
            "degradation": row["value"],
            "number_ids": row["number_id"],
        }
        for row in degradation_frame(numbers, cells, target, "mean").to_dict("records")
    ]
