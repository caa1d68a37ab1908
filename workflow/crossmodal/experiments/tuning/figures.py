"""What DVC shows of tuning: validation MRR of each family at each learning rate."""

import math

from crossmodal.experiments.tuning.tables import chosen_rates, measured_rates
from crossmodal.report.figures import Rows, defined, joined_ids
from crossmodal.report.lookup import Numbers

COLUMNS = ["cell", "learning_rate", "log10_learning_rate", "validation_mrr", "chosen", "number_ids"]
"""`cell` is the family: what points are called by."""


def tuning_rows(numbers: Numbers) -> Rows:
    """Return learning rate and validation MRR (fraction, mean over seeds) of each family that has both."""
    chosen = chosen_rates(numbers)
    rows: Rows = []
    for family, variant, rate, mrr in measured_rates(numbers):
        if defined(rate) and defined(mrr):
            row: dict[str, object] = {"cell": family, "learning_rate": rate.value}
            row |= {"log10_learning_rate": math.log10(rate.value), "validation_mrr": mrr.value}
            row |= {"chosen": int(chosen.get(family) == variant), "number_ids": joined_ids(rate, mrr)}
            rows.append(row)
    return rows
