"""Query results of made-up models that find the same queries easy, for studies of many cells."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from crossmodal.statistics.metrics import METRICS
from crossmodal.statistics.panel import Result, read_result
from crossmodal.statistics.queries import SCHEMA
from crossmodal.statistics.records import QueryRecord

IMAGES, CAPTIONS = 40, 2


class Writer:
    """Writes query results under a folder; a query is answered if its own draw is below the rate."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.rng = folder, np.random.default_rng(3)
        self.draws = {
            d: self.rng.random((IMAGES, count))
            for d, count in (("text_to_image", CAPTIONS), ("image_to_text", 1))
        }

    def write(
        self, experiment: str, cell: str, dataset: str, variant: str, rate: float, direction: str = ""
    ) -> Result:
        rows: list[dict[str, Any]] = []
        for d, draws in self.draws.items():
            noisy = draws + 0.1 * self.rng.standard_normal(draws.shape)
            for i, j in np.ndindex(noisy.shape) if direction in ("", d) else ():
                values = {m: float(noisy[i, j] < rate * (1.0 if m == "recall@1" else 1.5)) for m in METRICS}
                ids = {"query_id": f"{i}#{j}", "cluster": f"{i}", "label": f"c{i}", "rank": 1, "top": []}
                rows.append({"direction": d, **ids, **values})
        path = self.folder / f"{experiment}-{cell}-{dataset}-{variant}.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path)
        record = QueryRecord(
            experiment=experiment,
            cell=cell,
            seed=0,
            dataset=dataset,
            split="test",
            variant=variant,
            path=path,
        )
        return read_result(record)
