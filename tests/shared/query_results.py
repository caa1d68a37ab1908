"""Query results of made-up models, for tests of several folders."""

import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from crossmodal.statistics.metrics import METRICS
from crossmodal.statistics.panel import Result, read_result
from crossmodal.statistics.queries import SCHEMA
from crossmodal.statistics.records import QueryRecord

IMAGES, CAPTIONS = 40, 3


def write_result(
    folder: Path,
    experiment: str,
    cell: str,
    seed: int,
    dataset: str,
    variant: str,
    rate: float,
    directions: int = 2,
    labels: Iterable[int] = range(IMAGES),
) -> Result:
    """Write query results with recall drawn at `rate` under `folder` and return them as they are read."""
    rng = np.random.default_rng(zlib.crc32(f"{experiment} {cell} {seed} {dataset} {variant}".encode()))
    rows = []
    for direction, count in (("text_to_image", CAPTIONS), ("image_to_text", 1))[:directions]:
        for i in labels:
            for k in range(count):
                name = f"{dataset}-{i}"
                hit = float(rng.random() < rate)
                values = dict.fromkeys(METRICS, hit)
                rows.append(
                    {"direction": direction, "query_id": f"{name}#{k}", "cluster": name, "label": f"c{i}"}
                    | {"rank": 1, "top": []}
                    | values
                )
    path = folder / f"{experiment}-{cell}-{seed}-{dataset}-{variant}.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path)
    record = QueryRecord(
        experiment=experiment, cell=cell, seed=seed, dataset=dataset, split="test", variant=variant, path=path
    )
    return read_result(record)


def queries_of(result: Result, direction: str) -> pd.DataFrame:
    """Return the queries of one direction that a result was read from."""
    table = pq.read_table(result.record.path).to_pandas()
    return table[table["direction"] == direction]
