"""A synthetic study in the formats of the pipeline, with captions that try to break out of the page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageDraw

from crossmodal.data.images import encode_png
from crossmodal.data.tables import Example, write_examples
from crossmodal.report.lookup import Numbers
from crossmodal.report.page import ReportInputs
from crossmodal.report.section import grid_of
from drawn_sections import cell_values, draw_all
from made_up_numbers import CELLS, DIRECTIONS, SHIFTS, hypothesis_rows, metric_rows

HOSTILE = (
    "<script>alert(1)</script>",
    "</script><img src=x onerror=\"document.title='broken'\">",
    "<!-- </style><svg onload=alert(2)> & \"quotes\" 'and' {{ 7 * 7 }}",
)


def write_gallery(folder: Path, count: int = 60) -> tuple[Path, dict[tuple[str, str, str, str], Path]]:
    """Write a test set and the rankings of one cell under `folder`; return the dataset and the queries."""
    rng = np.random.default_rng(11)
    examples, captions = [], {}
    for i in range(count):
        image = Image.new("RGB", (64, 64), "white")
        colour = tuple(int(v) for v in rng.integers(30, 230, 3))
        box = (8 + i % 7, 8 + i % 5, 52 - i % 6, 54 - i % 9)
        (ImageDraw.Draw(image).ellipse if i % 2 else ImageDraw.Draw(image).rectangle)(box, fill=colour)
        texts = [f"shape number {i}", f"shape number {i}: round, plain, one colour", HOSTILE[i % 3] + f" {i}"]
        data = encode_png(image) if i != 5 else b"not an image"
        examples.append(
            Example(f"shape-{i:03}", data, f"{i}.png", texts, f"shape-{i:03}", "shapes", "openmoji")
        )
        captions.update({f"shape-{i:03}#{k}": text for k, text in enumerate(texts)})
    write_examples(folder / "test.parquet", examples)
    images, rows = [example.image_id for example in examples], []
    for direction in DIRECTIONS:
        for query in list(captions) if direction == "text_to_image" else images:
            owner = query.partition("#")[0]
            rank = int(rng.choice([1, 1, 2, 4, 9, 37]))
            pool = images if direction == "text_to_image" else [id for id in captions]
            others = [id for id in pool if id.partition("#")[0] != owner]
            top = [str(id) for id in rng.choice(others, 5, replace=False)]
            if rank <= 5:
                top[rank - 1] = owner if direction == "text_to_image" else f"{owner}#2"
            rows.append(dict(direction=direction, query_id=query, cluster=owner, rank=rank, top=top))
    path = folder / "queries.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return folder / "test.parquet", {
        ("lora-r8", "openmoji", "clean", direction): path for direction in DIRECTIONS
    }


@dataclass(frozen=True)
class MadeUp:
    """A synthetic study whose files lie under `folder`."""

    folder: Path
    frame: pd.DataFrame
    """Its numbers, as metrics.parquet has them."""
    cells: Sequence[str] = CELLS

    def changed(self, frame: pd.DataFrame) -> "MadeUp":
        """Return the study with other numbers."""
        return replace(self, frame=frame)

    @property
    def numbers(self) -> Numbers:
        return Numbers(self.frame)

    def inputs(self, level: float = 0.95, **changes: Any) -> ReportInputs:
        """Return what its report shows, sections drawn from its numbers, with `changes`."""
        facts = cell_values(self.cells)
        questions = changes.pop("questions", None) or draw_all(self.frame, facts, self.folder, level=level)
        gallery, queries = write_gallery(self.folder)
        sheet = dict(
            source={"package": "@iconify-json/openmoji", "captions": "emojibase-data"},
            version="1.2.30",
            licence="CC BY-SA 4.0",
            counts={"images": 1903, "captions": 9515, "rejected": 0},
            splits={"train": 1142, "val": 190, "test": 571},
            known_limits=["English captions only", "one image a concept", HOSTILE[0]],
        )
        inputs = ReportInputs(
            study="emoji",
            grid=grid_of({"target": "openmoji", "cells": facts}, self.numbers, ["lora-r8"]),
            numbers=self.numbers,
            hypotheses=hypothesis_rows(),
            level=level,
            questions=questions,
            headline_cell="lora-r8",
            queries=queries,
            gallery=gallery,
            sheets=[{"name": name, **sheet} for name in ("openmoji", "twemoji", "fluent")],
            environment={
                "commit": "0123456789abcdef",
                "python": "3.11.9",
                "packages": {"torch": "2.15.0", "faiss": "1.15.0"},
            },
            params={"study": "emoji", "cells": {"lora-r8": {"kind": "lora", "rank": 8}}, "note": HOSTILE[1]},
            finished="2026-02-03 14:07 UTC",
        )
        return replace(inputs, **changes)


@pytest.fixture
def make_study(tmp_path: Path) -> Callable[..., MadeUp]:
    """A builder of studies with these cells and shifts."""
    return lambda cells=CELLS, shifts=SHIFTS: MadeUp(tmp_path, metric_rows(cells, shifts), cells)


@pytest.fixture
def study(make_study: Callable[..., MadeUp]) -> MadeUp:
    """The default synthetic study: five cells, eight shifts, three ways to search."""
    return make_study()


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> ReportInputs:
    """Its report, drawn once; nobody may write into its folder."""
    return MadeUp(tmp_path_factory.mktemp("report"), metric_rows(CELLS, SHIFTS), CELLS).inputs()
