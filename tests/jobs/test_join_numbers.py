"""The job that joins the numbers of all experiments: one table, the verdicts on all claims, what DVC shows."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from crossmodal.errors import UserError
from crossmodal.experiments.peft.params import Params as Peft
from crossmodal.experiments.robustness.params import Params as Robustness
from crossmodal.jobs.join_numbers import main
from crossmodal.statistics.numbers import Number, read_numbers, write_numbers
from judged import number

RECALL = "peft/{}/{}/openmoji/test/clean/{}/recall@1"
KEPT = "peft/lora-r8/s*/openmoji/test/clean/mean/retention_recall@1"
LOST = "robustness/full/s*/openmoji/test/shifts-mean/mean/degradation_recall@1"
CELLS = [
    number(RECALL.format("full", seed, direction), 0.4, 0.3, 0.5)
    for seed in ("s0", "s*")
    for direction in ("text_to_image", "image_to_text")
]
CELLS.append(number("peft/full/s*/-/-/-/-/parameters_trainable", 100, unit="count"))
NUMBERS = {
    "cells": CELLS,
    "peft": [
        number(KEPT, 0.97, 0.96, 0.98),
        number("peft/full/s*/openmoji/test/clean/mean/gain_recall@1", 0.05, 0.04, 0.06),
    ],
    "robustness": [number(LOST, 0.1, 0.05, 0.14)],
}
ROOMS = {
    "peft": Peft(cell="lora-r8", reference="full"),
    "robustness": Robustness(standard="full"),
}


def joined(folder: Path, numbers: dict[str, list[Number]], rooms: list[str]) -> Path:
    """Run the job on the numbers of some experiments and return the folder of what it wrote."""
    paths = [folder / f"{name}.parquet" for name in numbers]
    for path, rows in zip(paths, numbers.values(), strict=True):
        write_numbers(path, rows)
    facts: dict[str, Any] = {"dataset": "openmoji", "model": "towers", "method": "x", "adversarial": False}
    parameters = {
        "target": "openmoji",
        "statistics": {},
        "cells": {"full": facts, "lora-r8": facts},
        "rooms": [[name, ROOMS[name].model_dump(mode="json")] for name in rooms],
    }
    names = ("metrics.parquet", "hypotheses.json", "clip_benchmark.json", "headline.json", "accuracy.csv")
    main(paths, *(folder / name for name in names), {"parameters": parameters})
    return folder


def test_numbers_stand_in_the_order_of_the_experiments_and_claims_are_judged_on_all(tmp_path: Path) -> None:
    folder = joined(tmp_path, NUMBERS, ["peft", "robustness"])
    assert read_numbers(folder / "metrics.parquet") == [n for rows in NUMBERS.values() for n in rows]
    verdicts = {h["id"]: h["verdict"] for h in json.loads((folder / "hypotheses.json").read_text())}
    assert verdicts == {
        "H1.recall@1": "supported", "H1.recall@5": "inconclusive", "H1.parameters": "inconclusive",
        "H1.latency": "inconclusive", "H2.standard": "refuted",
    }  # fmt: skip
    (record,) = json.loads((folder / "clip_benchmark.json").read_text())
    assert (record["model"], record["pretrained"]) == ("towers", "full-s0")
    shown = json.loads((folder / "headline.json").read_text())
    assert shown["hypotheses"] == {"H1": {"recall@1": 0.97}, "H2": {"standard": 0.1}}
    with (folder / "accuracy.csv").open(encoding="utf-8", newline="") as file:
        assert [row["cell"] for row in csv.DictReader(file)] == ["full"]


def test_a_study_without_questions_has_the_numbers_of_its_cells(tmp_path: Path) -> None:
    folder = joined(tmp_path, {"cells": CELLS}, [])
    assert read_numbers(folder / "metrics.parquet") == CELLS
    assert json.loads((folder / "hypotheses.json").read_text()) == []


def test_an_id_of_two_experiments_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"retention_recall@1 stands twice; ids must be unique"):
        joined(tmp_path, {"peft": NUMBERS["peft"], "other": NUMBERS["peft"]}, ["peft"])
    assert not (tmp_path / "hypotheses.json").exists()
