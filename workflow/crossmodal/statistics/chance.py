"""What random order finds: the recall that a number is to be read beside where it is small."""

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
from scipy.stats import hypergeom

from crossmodal.data.tables import read_table
from crossmodal.statistics.metrics import RECALL_CUTOFFS
from crossmodal.statistics.queries import DIRECTIONS


def chance_recalls(path: Path) -> dict[str, dict[str, float]]:
    """Return `recall@k` (fraction) by direction that a gallery in random order is expected to give.

    Read from a queries.parquet: the gallery of one direction is what asks in the other, and items of the query's
    label are its positives. That none of m positives among n items is in the first k has the probability
    C(n - m, k) / C(n, k).
    """
    table = read_table(path, ["direction", "label"])
    labels = {d: table.filter(pc.equal(table["direction"], d))["label"].to_pylist() for d in DIRECTIONS}
    found = {}
    for direction, other in (DIRECTIONS, DIRECTIONS[::-1]):
        count, gallery = Counter(labels[other]), len(labels[other])
        positives = np.array([count[label] for label in labels[direction]])
        if len(positives):
            found[direction] = {
                f"recall@{k}": float(hypergeom.sf(0, gallery, positives, min(k, gallery)).mean())
                for k in RECALL_CUTOFFS
            }
    return found
