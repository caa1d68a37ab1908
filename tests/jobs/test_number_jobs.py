"""The jobs that make numbers of cells and of H1, from files as other jobs leave them."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from crossmodal.data.tables import Example, write_examples
from crossmodal.experiments.peft import numbers as peft
from crossmodal.jobs import number_cells
from crossmodal.statistics.numbers import Number, read_numbers
from query_results import CAPTIONS, IMAGES, write_result

FLAGS = 10
CELLS = {
    cell: {"dataset": "openmoji", "model": "base", "method": cell, "adversarial": False}
    for cell in ("zero-shot", "full", "lora-r8")
}
VALUES: dict[str, Any] = {
    "statistics": {"resamples": 200},
    "target": "openmoji",
    "cells": CELLS,
    "subsets": {
        "flags": {"groups": ["flags"], "exclude": False},
        "without-flags": {"groups": ["flags"], "exclude": True},
    },
    "room": {"cell": "lora-r8", "reference": "full", "baseline": "zero-shot"},
}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, list[Path]]:
    """Query results and cards in their places, and the test split that says which group an image is of."""
    queries, cards = [], []
    for cell, rate, seeds in (("zero-shot", 0.2, (0,)), ("full", 0.8, (0, 1)), ("lora-r8", 0.7, (0, 1))):
        for seed in seeds:
            place = tmp_path / "retrieval" / cell / f"s{seed}" / "openmoji" / "test" / "clean"
            place.mkdir(parents=True)
            written = write_result(tmp_path, "peft", cell, seed, "openmoji", "clean", rate).record.path
            queries.append(Path(shutil.move(written, place / "queries.parquet")))
            cards.append(tmp_path / f"{cell}-{seed}.json")
            count = 0 if cell == "zero-shot" else 10
            cards[-1].write_text(json.dumps({"cell": cell, "seed": seed, "trainable": count, "total": 1000}))
    examples = [
        Example(f"openmoji-{i}", b"", "", [], f"c{i}", "flags" if i < FLAGS else "food", "openmoji")
        for i in range(IMAGES)
    ]
    write_examples(tmp_path / "test.parquet", examples)
    return {"queries": queries, "cards": cards, "groups": [tmp_path / "test.parquet"]}


def made(path: Path) -> dict[str, Number]:
    return {number.number_id: number for number in read_numbers(path)}


def test_cells_have_numbers_on_the_whole_test_set_and_on_its_parts(files, tmp_path: Path) -> None:
    out, spec = tmp_path / "cells.parquet", {"parameters": VALUES}
    number_cells.main(**files, numbers=out, spec=spec)
    numbers = made(out)
    place = "peft/full/s*/openmoji/test/clean{}/text_to_image/recall@1"
    whole, flags, others = (numbers[place.format(part)] for part in ("", "@flags", "@without-flags"))
    assert (whole.n_queries, whole.n_seeds) == (IMAGES * CAPTIONS, 2)
    assert flags.n_queries == FLAGS * CAPTIONS and flags.n_queries + others.n_queries == whole.n_queries
    share = flags.n_queries / whole.n_queries
    assert share * flags.value + (1 - share) * others.value == pytest.approx(whole.value)
    assert numbers["peft/-/s*/openmoji/test/clean@flags/text_to_image/queries_share"].value == share
    number_cells.main(files["queries"], files["cards"], [], out, {"parameters": VALUES | {"subsets": {}}})
    assert made(out).keys() == {name for name in numbers if "@flags/" not in name and "@without" not in name}


def test_h1_has_numbers_on_parts_and_says_what_it_could_have_seen(files, tmp_path: Path) -> None:
    out = tmp_path / "peft.parquet"
    peft.main(**files, encoders=[], numbers=out, spec={"parameters": VALUES})
    numbers = made(out)
    place = "peft/lora-r8/s*/openmoji/test/clean{}/mean/{}_recall@1"
    assert {"", "@flags", "@without-flags"} == {
        n.variant.removeprefix("clean") for n in numbers.values() if n.metric == "retention_recall@1"
    }
    assert place.format("@flags", "difference") not in numbers, "stated is what is kept"
    assert place.format("", "p_claim_retention") in numbers
    reference = place.replace("lora-r8", "full")
    for metric in ("aa_retention", "smallest_visible", "gain"):
        assert numbers[reference.format("", metric)].value is not None
