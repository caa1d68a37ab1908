"""The job that measures encoders: which forms of a cell there are, and that its records are read."""

from pathlib import Path

import pytest
import torch

from crossmodal import registry
from crossmodal.adaptation import methods
from crossmodal.experiments.peft.measure_encoders import main
from crossmodal.experiments.peft.records import EncoderCost
from crossmodal.models import clip, scratch
from crossmodal.models.scratch_params import Params

METHODS = {"full": {"kind": "full"}, "lora": {"kind": "lora", "rank": 4}, "adapter": {"kind": "adapter"}}


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> list[list[EncoderCost]]:
    """What each of two processes wrote."""
    folder = tmp_path_factory.mktemp("encoders")
    base = [folder / "open_clip_config.json", folder / "open_clip_model.safetensors"]
    adapters: list[tuple[Path, Path]] = []
    for cell, values in METHODS.items():
        model = scratch.create(Params(kind="scratch", config="vit-nano-32"), seed=0)
        clip.save_clip(model, *base)
        params = registry.parse("adaptation", values)
        methods.attach(model, params, 0)
        adapters.append((folder / f"{cell}.json", folder / f"{cell}.safetensors"))
        methods.save_adapter(model, params, *adapters[-1])
    configs, weights = ([path] * len(METHODS) for path in base)
    own_configs, own_weights = (list(paths) for paths in zip(*adapters, strict=True))
    values = {
        "cells": list(METHODS), "reference": "full", "repeats": 2, "batch_size": 2, "batch_repeats": 1,
    }  # fmt: skip
    for process in range(2):
        spec = {"threads": 1, "seed": process, "wildcards": {"process": str(process)}, "parameters": values}
        main(configs, weights, [], own_configs, own_weights, folder / f"{process}.json", spec)
    torch.use_deterministic_algorithms(False)  # which the job asked for
    return [EncoderCost.read(folder / f"{process}.json") for process in range(2)]


@pytest.fixture
def records(processes: list[list[EncoderCost]]) -> list[EncoderCost]:
    return processes[0]


def test_a_cell_has_the_forms_that_differ(records: list[EncoderCost]) -> None:
    """And the reference once more, which is the same network."""
    assert [(r.cell, r.form) for r in records if r.modality == "image"] == [
        ("full", "merged"), ("full", "again"), ("lora", "merged"), ("lora", "unmerged"), ("adapter", "unmerged"),
    ]  # fmt: skip


def test_every_encoder_is_measured_in_the_same_rounds(records: list[EncoderCost]) -> None:
    assert all((len(r.samples_ms), len(r.batch_samples_ms), r.batch_size) == (2, 1, 2) for r in records)
    assert all(r.flops and r.weight_bytes and r.activation_bytes for r in records)
    by_form = {(r.cell, r.form): r.flops for r in records if r.modality == "image"}
    assert by_form["lora", "merged"] == by_form["full", "merged"] < by_form["lora", "unmerged"]
    assert by_form["full", "again"] == by_form["full", "merged"]


def test_every_process_times_the_same_encoders_and_the_first_one_counts(processes) -> None:
    names = [[(r.cell, r.form, r.modality) for r in records] for records in processes]
    assert names[0] == names[1]
    assert [{r.process for r in records} for records in processes] == [{0}, {1}]
    assert all(r.samples_ms and r.flops is None and r.weight_bytes is None for r in processes[1])
