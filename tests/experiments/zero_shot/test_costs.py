"""What cells and students took: a student's training is its distillation, counted over its cells."""

import pytest

from crossmodal.experiments.zero_shot.costs import cost_numbers
from crossmodal.experiments.zero_shot.params import Params
from crossmodal.experiments.zero_shot.records import Footprint, StudentCard
from crossmodal.statistics.card import AdapterCard
from crossmodal.statistics.records import CellFacts

ROOM = Params(students={"half": {"cells": ["h0", "h1"]}})
CELLS = {
    "lora": CellFacts(dataset="t", model="towers", method="lora"),
    "h0": CellFacts(dataset="t", model="small-0", method="zero_shot"),
    "h1": CellFacts(dataset="t", model="small-1", method="zero_shot"),
}


def test_costs_of_an_adapted_cell_and_of_a_student() -> None:
    footprints = [
        Footprint(
            cell=cell,
            seed=seed,
            flops_image=images,
            flops_text=5,
            parameters=100,
            parameters_without_tokens=60,
        )
        for cell, seed, images in (("lora", 0, 20), ("lora", 1, 20), ("h0", 0, 10), ("h1", 0, 12))
    ]
    cards = [
        AdapterCard(cell="lora", seed=0, trainable=4, total=100, seconds=30.0),
        AdapterCard(cell="lora", seed=1, trainable=4, total=100, seconds=50.0),
        *(AdapterCard(cell=cell, seed=0, trainable=0, total=100, seconds=0.0) for cell in ("h0", "h1")),
    ]
    students = [
        StudentCard(
            model=f"small-{place}",
            teacher="towers",
            trainable=50,
            seconds=seconds,
            validation_mrr=seconds / 1e3,
        )
        for place, seconds in enumerate((100.0, 140.0))
    ]
    found = cost_numbers(footprints, cards, students, [], CELLS, ROOM)
    told = {(number.cell, number.metric): number.value for number in found}
    assert told["lora", "trained_parameters"] == 4 and told["lora", "training_seconds"] == 40
    assert told["half", "trained_parameters"] == 50 and told["half", "training_seconds"] == 120
    assert told["half", "flops_image"] == 11 and told["lora", "flops_pair"] == 25
    assert told["half", "parameters_without_tokens"] == 60
    assert told["half", "validation_mrr"] == pytest.approx(0.12) and ("lora", "validation_mrr") not in told
    assert ("h0", "parameters") not in told


def test_a_student_pays_for_the_cell_and_the_student_that_taught_it() -> None:
    size = {"flops_image": 1, "flops_text": 1, "parameters": 2, "parameters_without_tokens": 1}
    footprints = [Footprint(cell=cell, seed=0, **size) for cell in ("h0", "h1")]
    cards = [AdapterCard(cell=cell, seed=0, trainable=0, total=9, seconds=0.0) for cell in ("h0", "h1")]
    teachers = [
        AdapterCard(cell="lora", seed=seed, trainable=4, total=9, seconds=30.0 + seed) for seed in (0, 1)
    ]
    students = [
        StudentCard(model="small-0", teacher="middle", trainable=50, seconds=100.0),
        StudentCard(model="small-1", teacher="middle", trainable=50, seconds=100.0),
        StudentCard(model="middle", teacher="towers", cell="lora", cell_seed=1, trainable=70, seconds=200.0),
    ]
    found = cost_numbers(footprints, cards, students, teachers, CELLS, ROOM)
    told = {(number.cell, number.metric): number.value for number in found}
    assert told["half", "training_seconds"] == 100 + 200 + 31
    assert told["half", "trained_parameters"] == 50 + 70 + 4
