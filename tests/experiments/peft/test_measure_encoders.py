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
def records(tmp_path_factory: pytest.TempPathFactory) -> list[EncoderCost]:
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
    spec = {
        "threads": 1,
        "seed": 0,
        "parameters": {"cells": list(METHODS), "repeats": 2, "batch_size": 2, "batch_repeats": 1},
    }
    configs, weights = ([path] * len(METHODS) for path in base)
    own_configs, own_weights = (list(paths) for paths in zip(*adapters, strict=True))
    main(configs, weights, [], own_configs, own_weights, folder / "latency.json", spec)
    torch.use_deterministic_algorithms(False)  # which the job asked for
    return EncoderCost.read(folder / "latency.json")


def test_a_cell_has_the_forms_that_differ(records: list[EncoderCost]) -> None:
    assert [(r.cell, r.form) for r in records if r.modality == "image"] == [
        ("full", "merged"), ("lora", "unmerged"), ("lora", "merged"), ("adapter", "unmerged"),
    ]  # fmt: skip


def test_every_encoder_is_measured_in_the_same_rounds(records: list[EncoderCost]) -> None:
    assert all((len(r.samples_ms), len(r.batch_samples_ms), r.batch_size) == (2, 1, 2) for r in records)
    assert all(r.flops and r.weight_bytes and r.activation_bytes for r in records)
    by_form = {(r.cell, r.form): r.flops for r in records if r.modality == "image"}
    assert by_form["lora", "merged"] == by_form["full", "merged"] < by_form["lora", "unmerged"]
