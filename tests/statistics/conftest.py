"""Query results of made-up models, and the threat models that tests attack under."""

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crossmodal.experiments.robustness.threats import ThreatParameters
from crossmodal.statistics.metrics import METRICS
from crossmodal.statistics.queries import SCHEMA
from crossmodal.statistics.records import QueryRecord

IMAGES, CAPTIONS = 40, 3


def write_result(
    tmp_path, experiment, cell, seed, dataset, variant, rate, directions=2, labels=range(IMAGES)
):
    """Write query results with recall drawn at `rate` and return their record."""
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
    path = tmp_path / f"{experiment}-{cell}-{seed}-{dataset}-{variant}.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path)
    return QueryRecord(
        experiment=experiment, cell=cell, seed=seed, dataset=dataset, split="test", variant=variant, path=path
    )


@pytest.fixture(scope="session")
def result() -> Callable[..., QueryRecord]:
    """Returns a function that writes query results and returns their record."""
    return write_result


@pytest.fixture(scope="session")
def threat_models() -> dict[str, dict[str, Any]]:
    """The three threat models, with a small radius and a large one each."""
    return {
        "query-image": {
            "threat": "query-image",
            "attack": {"kind": "pgd_images", "steps": 8},
            "epsilons": ["4/255", "64/255"],
        },
        "gallery-image": {
            "threat": "gallery-image",
            "attack": {"kind": "pgd_images", "steps": 8},
            "epsilons": ["4/255", "64/255"],
        },
        "text": {"threat": "text", "attack": {"kind": "pgd_texts", "steps": 8}, "epsilons": [0.1, 3.0]},
    }


@pytest.fixture(scope="session")
def parameters(threat_models: dict[str, Any]) -> Callable[..., ThreatParameters]:
    """Returns the parameters of the three threat models, with changes."""
    return lambda **values: ThreatParameters.model_validate(
        {"threats": threat_models, "captions": "all", "batch_size": 5} | values
    )
