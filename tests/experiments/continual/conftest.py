from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crossmodal.experiments.continual.answers import SCHEMA
from crossmodal.experiments.continual.board import Run, read_run
from crossmodal.statistics.settings import StatisticsParameters

STATISTICS = StatisticsParameters(resamples=200, bootstrap_seed=1)


@pytest.fixture(scope="session")
def statistics() -> StatisticsParameters:
    """Few resamples, the same for all."""
    return STATISTICS


@pytest.fixture
def write_run(tmp_path: Path) -> Callable[..., Run]:
    """Writes the made-up answers of a cell, and reads them: two images a cluster."""

    def write(
        cell: str = "lorsu", order: int = 0, sessions: int = 3, plan: str = "continual", rate: float = 0.6,
        images: int = 60, sets: tuple[tuple[str, str, str], ...] = (("digits", "test", "clean"),),
    ) -> Run:  # fmt: skip
        seed = [order, sessions, len(plan), sum(map(ord, cell))]
        generator = np.random.default_rng(seed)
        rows = []
        for dataset, split, variant in sets:
            for after in range(sessions + 1):
                for image in range(images):
                    asked = image % sessions + 1 if dataset == "digits" else 0
                    right = bool(generator.random() < rate * (1.2 if after >= asked else 0.8))
                    rows.append(
                        {
                            "dataset": dataset, "split": split, "variant": variant, "after": after,
                            "image_id": f"i{image}", "cluster": f"c{image // 2}", "label": f"l{image % 6}",
                            "session": asked, "correct": right,
                            "correct_seen": (right or bool(generator.random() < 0.3))
                            if 0 < asked <= after else None,
                        }
                    )  # fmt: skip
        path = tmp_path / cell / plan / f"o{order}" / "answers.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path)
        return read_run(path)

    return write
