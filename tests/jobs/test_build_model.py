"""One job makes every kind of base model; what differs lies in the kinds."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from crossmodal.data.images import encode_png
from crossmodal.data.tables import Example, write_examples
from crossmodal.errors import UserError
from crossmodal.jobs.build_model import main
from crossmodal.models import clip, scratch
from crossmodal.registry import parse
from crossmodal.torch_setup import prepare_torch
from crossmodal.training.batches import load_training_set
from crossmodal.training.loop import fit
from crossmodal.training.settings import TrainingParameters

WORDS = ["apple", "boat", "cat", "dog", "egg", "fish", "goat", "hat"]
TRAINING = {"epochs": 2, "batch_size": 4, "learning_rate": 1e-3}
SCRATCH = {"kind": "scratch", "config": "vit-nano-32"}
ALIGNMENT = {"epochs": 3, "batch_size": 4, "learning_rate": 1e-2}
TOWERS = {
    "kind": "towers",
    "image": {"architecture": "test_efficientnet", "weights": "random", "size": 32},
    "text": {"weights": "random", "config": {"width": 32, "heads": 2, "layers": 1}, "context_length": 8},
    "embed_dim": 16,
    "alignment": ALIGNMENT,
}


@pytest.fixture(scope="module")
def train(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "train.parquet"
    draw = np.random.default_rng(0)
    images = [encode_png(draw.integers(0, 255, (32, 32, 3), np.uint8)) for _ in WORDS]
    write_examples(
        path,
        [
            Example(word, image, "", [f"a {word}"], word, "", "")
            for word, image in zip(WORDS, images, strict=True)
        ],
    )
    return path


def build(
    folder: Path, train: Path, model: dict[str, Any], training: dict[str, Any] | None, **more: Any
) -> Path:
    folder.mkdir()
    spec = {"seed": 3, "threads": 1, "parameters": {"model": model, "training": training}}
    main(
        [train] if training or model.get("alignment") else [], more.get("validation", []), more.get("sources", []),
        folder / "open_clip_config.json", folder / "open_clip_model.safetensors", folder / "training.csv",
        folder / "checkpoints", spec,
    )  # fmt: skip
    return folder / "open_clip_model.safetensors"


def log(folder: Path) -> list[dict[str, str]]:
    with (folder / "training.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_scratch_model_is_its_random_weights_trained(train: Path, tmp_path: Path) -> None:
    """What the job adds to the loop changes no bit."""
    built = build(tmp_path / "built", train, SCRATCH, TRAINING)
    prepare_torch(1, 3)
    model = scratch.create(parse("models", SCRATCH), 3)
    settings = TrainingParameters.model_validate(TRAINING)
    data = load_training_set(model, [train])
    fit(model, data, None, settings, 3, None, tmp_path / "checkpoints", tmp_path / "log.csv", "by hand")
    clip.save_clip(model, tmp_path / "config.json", tmp_path / "model.safetensors")
    assert built.read_bytes() == (tmp_path / "model.safetensors").read_bytes()


@pytest.mark.parametrize("training", [None, TRAINING])
def test_towers_are_aligned_and_then_trained(
    train: Path, tmp_path: Path, training: dict[str, Any] | None
) -> None:
    # Where training watches validation data too, the model as it was aligned may be the best there is.
    watched = [] if training else [train]
    paths = [build(tmp_path / name, train, TOWERS, training, validation=watched) for name in ("a", "b")]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    model = clip.load_clip(tmp_path / "a" / "open_clip_config.json", paths[0])
    start = clip.read_tensors(build(tmp_path / "start", train, TOWERS | {"alignment": None}, None))
    state = model.state_dict()
    moved = {name for name in state if not torch.equal(state[name], start[name])}
    ends = {"visual.head.proj.weight", "text.text_projection", "logit_scale"}
    assert ends <= moved and (moved == ends) == (training is None)
    rows = log(tmp_path / "a")
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3] + ([4, 5] if training else [])
    assert [int(row["steps"]) for row in rows] == [2, 4, 6] + ([8, 10] if training else [])
    assert all(bool(row["validation_loss"]) == bool(watched) for row in rows)
    assert log(tmp_path / "start") == []


def test_statistics_of_pretrained_towers_stay(train: Path, tmp_path: Path) -> None:
    start = clip.read_tensors(build(tmp_path / "start", train, TOWERS | {"alignment": None}, None))
    prefix = "visual.trunk."
    file = tmp_path / "cnn.safetensors"
    save_file({n.removeprefix(prefix): t for n, t in start.items() if n.startswith(prefix)}, file)
    pretrained = TOWERS | {"image": TOWERS["image"] | {"weights": str(file)}}
    for name, model, sources in (("random", TOWERS, []), ("pretrained", pretrained, [file])):
        trained = clip.read_tensors(build(tmp_path / name, train, model, TRAINING, sources=sources))
        statistics = [n for n in start if "running" in n]
        assert statistics and all(
            torch.equal(trained[n], start[n]) == (name == "pretrained") for n in statistics
        )
        assert not torch.equal(
            trained["visual.trunk.conv_stem.weight"], start["visual.trunk.conv_stem.weight"]
        )


def test_data_without_captions_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "train.parquet"
    write_examples(path, [Example("a", b"", "", [], "a", "", "")])
    with pytest.raises(UserError, match="no image with a caption"):
        build(tmp_path / "x", path, TOWERS, None)
