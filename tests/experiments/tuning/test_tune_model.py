"""A training run of the search: the record of what a cell's own training would do, and no weights."""

import inspect
import json
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from crossmodal.data.images import encode_png
from crossmodal.data.tables import Example, write_examples
from crossmodal.experiments.tuning.records import TuningRecord
from crossmodal.experiments.tuning.tune_model import main
from crossmodal.jobs import adapt_model
from crossmodal.models import clip, scratch
from crossmodal.registry import parse

WORDS = ["apple", "boat", "cat", "dog", "egg", "fish", "goat", "hat", "ink", "jam", "key", "lamp"]
TRAINING = {"epochs": 3, "batch_size": 6, "warmup_share": 0.0}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A tiny base model, and splits of noise: what a cell's job gets."""
    folder = tmp_path_factory.mktemp("files")
    draw = np.random.default_rng(0)
    for split in ("train", "val"):
        images = [encode_png(draw.integers(0, 255, (32, 32, 3), np.uint8)) for _ in WORDS]
        examples = [
            Example(word, image, "", [f"a {word}"], word, "", "")
            for word, image in zip(WORDS, images, strict=True)
        ]
        write_examples(folder / f"{split}.parquet", examples)
    model = scratch.create(parse("models", {"kind": "scratch", "config": "vit-nano-32"}), 0)
    config, weights = folder / "open_clip_config.json", folder / "open_clip_model.safetensors"
    clip.save_clip(model, config, weights)
    return {
        "config": config, "weights": weights, "tower": [],
        "train": folder / "train.parquet", "validation": folder / "val.parquet",
    }  # fmt: skip


def spec(rate: float, seed: int = 1) -> dict[str, Any]:
    return {
        "wildcards": {"family": "lora", "rate": f"{rate:.1e}", "seed": str(seed), "cell": "lora-r2"},
        "seed": seed,
        "threads": 1,
        "parameters": {
            "method": {"kind": "lora", "rank": 2}, "training": TRAINING | {"learning_rate": rate},
            "dataset": "outlines", "adversary": None,
        },
    }  # fmt: skip


def record(files: dict[str, Any], folder: Path, rate: float) -> TuningRecord:
    main(**files, record=folder / "record.json", checkpoints=folder / "checkpoints", spec=spec(rate))
    return TuningRecord.read(folder / "record.json")[0]


def test_it_is_the_training_of_the_cell(files: dict[str, Any], tmp_path: Path) -> None:
    made = record(files, tmp_path, 3.2e-3)
    names = ("adapter_config", "adapter", "card", "training")
    outputs = {name: tmp_path / name for name in names}
    adapt_model.main(**files, **outputs, checkpoints=tmp_path / "others", spec=spec(3.2e-3))
    card = json.loads(outputs["card"].read_text())
    assert (made.best_epoch, made.mrr) == (card["best_epoch"], card["validation"]["mrr"])
    assert [epoch.epoch for epoch in made.epochs] == [0, 1, 2, 3] and not made.diverged
    assert made.mrr == max(epoch.mrr for epoch in made.epochs)
    assert (made.family, made.rate, made.learning_rate, made.seed) == ("lora", "3.2e-03", 3.2e-3, 1)


def test_a_rate_at_which_training_diverges_is_a_result(
    files: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = record(files, tmp_path, 1e30)
    assert made.diverged and made.mrr is None and made.best_epoch is None and made.epochs == []
    assert "lower learning_rate" in capsys.readouterr().err


def test_it_reads_training_and_validation_data_and_writes_a_record() -> None:
    kinds = {name: get_args(p.annotation)[1] for name, p in inspect.signature(main).parameters.items()}
    assert [name for name, kind in kinds.items() if kind in ("input", "inputs")] == [
        "config", "weights", "tower", "train", "validation",
    ]  # fmt: skip
    assert [name for name, kind in kinds.items() if kind in ("output", "outputs", "timed")] == ["record"]
