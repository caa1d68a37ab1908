"""Numbers of what runs report: sizes, points, epochs, choices, probes, each a mean over runs."""

import pytest

from crossmodal.experiments.search.facts import fact_numbers
from crossmodal.experiments.search.params import Params
from crossmodal.experiments.search.records import RunRecord
from crossmodal.statistics.numbers import Number, validate
from crossmodal.statistics.settings import StatisticsParameters

STATISTICS = StatisticsParameters(resamples=100)
ROOM = Params.model_validate(
    {
        "cells": ["c"], "galleries": {"own": {}, "mixed": {}}, "gallery": "own", "index": "ivf-pq",
        "indexes": {"flat": {"kind": "flat"}, "ivf-pq": {"kind": "ivf_pq", "m": 8}},
        "expansion": {"indexes": ["ivf-pq"], "degree": 8},
    }
)  # fmt: skip


def point(nprobe: int | None, recall: float, k_factor: float = 1.0) -> dict:
    settings = {"nprobe": nprobe, "ef_search": None, "k_factor": k_factor}
    return {"point": settings, "reached": recall >= 0.9, "recall": recall, "target": 0.9}


def run(number: int, epoch: int, nprobe: int, recall: float) -> RunRecord:
    sizes = {"codes": 700, "ids": 200, "centroids": 100, "graphs": 0, "other": 11, "file": 1011}
    index = {"gallery": "mixed", "index": "ivf-pq", "items": 10, "bytes": sizes}
    points = {"text": point(nprobe, recall, 4.0), "image": point(2, 0.99)}
    flat = {"gallery": "own", "index": "flat", "items": 5, "bytes": {"codes": 9, "file": 12}}
    reached = {"mrr": 0.3, "recall@10": 0.5}
    stages = [
        {"gallery": "own", "stage": "rerank", "epoch": epoch, "validation": reached, "exact": {"mrr": 0.2}},
        {"gallery": "own", "stage": "nnn", "params": {"k": 8 * (number + 1), "weight": 0.5}},
        {"gallery": "mixed", "stage": "nnn", "params": {"k": 999, "weight": 9.0}},
    ]
    probes = [
        {"gallery": "mixed", "index": "ivf-pq", "name": "all", "scores": [0.1, 0.2, 0.9, 0.8]}
        | {"answers": [0, 0, 1, 1], "others": [1, 1, 0, 0]}
    ]
    return RunRecord.model_validate(
        {"cell": "c", "seed": 0, "run": number, "galleries": {"own": 5, "mixed": 10}, "stages": stages}
        | {"indexes": [index | {"points": points}, flat], "probes": [] if number else probes}
    )


@pytest.fixture(scope="module")
def numbers() -> dict[str, Number]:
    found = list(fact_numbers([run(0, 0, 4, 0.85), run(1, 3, 8, 0.95)], ROOM, "d", STATISTICS))
    validate(found)
    return {number.number_id: number for number in found}


def value(numbers: dict[str, Number], split: str, variant: str, metric: str, seed: str = "*") -> float | None:
    return numbers[f"search/c/s{seed}/d/{split}/{variant}/text_to_image/{metric}"].value


def test_sizes_are_of_the_index_in_its_gallery(numbers: dict[str, Number]) -> None:
    assert value(numbers, "test", "ivf-pq@mixed", "bytes_index") == 1000, "codes, ids, centroids and graphs"
    assert value(numbers, "test", "ivf-pq@mixed", "bytes") == 1011
    assert value(numbers, "test", "ivf-pq@mixed", "bytes_per_item") == pytest.approx(101.1)
    assert value(numbers, "test", "ivf-pq+expand@mixed", "bytes") == 1011 + 8 * 4 * 10, "with its graph"
    assert value(numbers, "test", "flat", "items") == 5


def test_points_of_captions_and_images_stand_apart(numbers: dict[str, Number]) -> None:
    assert value(numbers, "val", "ivf-pq@mixed", "nprobe_text") == 6
    assert value(numbers, "val", "ivf-pq@mixed", "nprobe_image") == 2
    assert value(numbers, "val", "ivf-pq@mixed", "k_factor_text") == 4
    assert value(numbers, "val", "ivf-pq@mixed", "validation_recall@10_text") == pytest.approx(0.9)
    assert value(numbers, "val", "ivf-pq@mixed", "reached_text") == 0.5
    assert not [name for name in numbers if "ef_search" in name or "k_factor_image" in name]


def test_epochs_are_told_of_every_run(numbers: dict[str, Number]) -> None:
    epochs = [value(numbers, "val", "ivf-pq+rerank", "epoch", seed) for seed in "01*"]
    assert epochs == [0, 3, 1.5]
    assert value(numbers, "val", "ivf-pq+rerank", "epoch_zero") == 0.5
    assert value(numbers, "val", "ivf-pq+rerank", "validation_mrr_exact") == pytest.approx(0.2)


def test_what_is_chosen_is_the_same_in_all_galleries_and_told_once(numbers: dict[str, Number]) -> None:
    assert value(numbers, "val", "ivf-pq+nnn", "chosen_k") == 12
    assert len([name for name in numbers if name.endswith("chosen_weight")]) == 1


def test_the_probe_is_of_the_first_run(numbers: dict[str, Number]) -> None:
    number = numbers["search/c/s*/d/test/ivf-pq@mixed/text_to_image/blind_auc"]
    assert number.value == 1 and number.n_queries == 4
