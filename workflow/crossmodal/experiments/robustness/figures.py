"""What DVC shows of H2: the loss under each shift."""

from crossmodal.experiments.robustness.frames import degradation_frame
from crossmodal.report.figures import Rows, cells_on
from crossmodal.report.lookup import Numbers

COLUMNS = ["shift_cell", "shift", "cell", "degradation", "number_ids"]


def degradation_rows(numbers: Numbers, target: str) -> Rows:
    """Return the relative loss of recall@1 (fraction, mean of both directions) by shift and cell.

    `shift_cell` names the row, for a bar chart; rendered shifts and other datasets alike.
    """
    cells = cells_on(numbers, target)
    both = [degradation_frame(numbers, cells, target, "mean", datasets=d) for d in (False, True)]
    return [
        {
            "shift_cell": f"{row['shift']} · {row['cell']}",
            "shift": row["shift"],
            "cell": row["cell"],
            "degradation": row["value"],
            "number_ids": row["number_id"],
        }
        for frame in both
        for row in frame.to_dict("records")
    ]
