"""A study of what a hub has, played on this machine: CLIP of ViT-B/32's shape, and a dataset in Parquet.

The files are fetched as they are pinned, a download that breaks off goes on, and the weights are as good as the
same ones from a path.
"""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import open_clip
import pytest
import safetensors.torch
import torch
import yaml
from tests.e2e.conftest import ROOT, Project

from crossmodal import registry
from crossmodal.models import clip
from crossmodal.models.embeddings import read_embeddings
from dataset_files import Item, table
from local_hub import Hub, serving
from picture_files import photo

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

REVISION = "0123456789abcdef0123456789abcdef01234567"
MODEL, WEIGHTS = "someone/clip-vit-b-32", "open_clip_model.safetensors"
DATASET, TABLE = "someone/pairs", "data/{}-00000-of-00001.parquet"
ARCHITECTURE = "ViT-B-32-quickgelu"
COUNTS = {"train": 8, "val": 4, "test": 6}


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(scope="module")
def weights() -> bytes:
    """Random weights of CLIP ViT-B/32, as a file."""
    torch.manual_seed(0)
    model = open_clip.create_model(ARCHITECTURE)
    return safetensors.torch.save({name: value.contiguous() for name, value in model.state_dict().items()})


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, weights: bytes) -> Iterator[Hub]:
    folder, files = tmp_path_factory.mktemp("pairs"), {}
    for split, count in COUNTS.items():
        items = [
            Item(f"{split}-{number}.jpg", photo(), [f"{split} picture {number}"]) for number in range(count)
        ]
        files[TABLE.format(split)] = table(folder / f"{split}.parquet", items).read_bytes()
    with serving(DATASET, REVISION, files) as served:
        served.models[MODEL] = {WEIGHTS: weights}
        yield served


def overlay(hub: Hub, weights: bytes) -> dict:
    """Return what lays the study of the hub on params.yaml: zero-shot, and one step of LoRA."""
    defaults = yaml.safe_load((ROOT / "params.yaml").read_text())
    pinned = {path: digest(content) for path, content in hub.files.items()}
    dataset = {
        "kind": "huggingface",
        "hub": {"repo": DATASET, "revision": REVISION, "files": pinned},
        "splits": {split: split for split in COUNTS},
        "columns": {"id": "id", "captions": ["captions"]},
        "expected": COUNTS,
    }
    model = {
        "kind": "hub",
        "architecture": ARCHITECTURE,
        "pretrained": "openai",
        "weights": {"repo": MODEL, "revision": REVISION, "sha256": digest(weights)},
    }
    kept = ("zero-shot", "lora-r8")
    return {
        "study": "hub",
        "seeds": [0],
        "seed_groups": {"headline": None},
        "datasets": {"pairs": dataset},
        "models": {name: None for name in defaults["models"]} | {"clip": model},
        "adaptation": {
            "dataset": "pairs",
            "training": {"epochs": 1, "batch_size": 8},
            "cells": {name: None for name in defaults["adaptation"]["cells"] if name not in kept},
        },
        "evaluation": {"domains": [], "subsets": {}},
        "statistics": {"resamples": 100},
        "report": {"gallery_cell": "lora-r8"},
    } | dict.fromkeys(registry.rooms())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, hub: Hub, weights: bytes) -> Project:
    """The study of the hub, finished; the download of the weights broke off once."""
    project = Project(tmp_path_factory.mktemp("hub"), "studies/hub.yaml")
    (project.folder / project.overlay).write_text(yaml.safe_dump(overlay(hub, weights)))
    project.environment = {"HF_ENDPOINT": hub.address, "HF_HUB_OFFLINE": "0", "HF_TOKEN": ""}
    hub.breaks.append(25_000_000)
    done = project.snakemake("--jobs", "1")
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    return project


def test_a_download_that_broke_off_went_on(finished: Project, hub: Hub) -> None:
    whole, resumed = hub.ranges.count(""), [asked for asked in hub.ranges if asked]
    assert whole == 4, "each file once"
    assert len(resumed) == 1 and re.fullmatch(r"bytes=[1-9]\d+-", resumed[0])


def test_both_cells_are_evaluated_and_only_one_was_trained(finished: Project) -> None:
    found = {}
    for cell in ("zero-shot", "lora-r8"):
        folder = finished.folder / f"results/hub/embeddings/{cell}/s0/pairs/test/clean"
        images, captions = (read_embeddings(folder / f"{side}.parquet") for side in ("images", "captions"))
        assert images.vectors.shape == captions.vectors.shape == (COUNTS["test"], 512)
        found[cell] = images.vectors
    assert not np.allclose(found["zero-shot"], found["lora-r8"], atol=1e-3)
    done = finished.crossmodal("numbers", "*zero-shot*recall@5*")
    assert "openmoji" not in done.stdout and "pairs/test/clean/text_to_image/recall@5" in done.stdout


def test_the_weights_are_those_of_the_hub_with_their_own_activation(
    finished: Project, weights: bytes, tmp_path: Path
) -> None:
    """QuickGELU and what the weights expect of images are kept, from a path as from the hub."""
    folder = finished.folder / "results/hub/models/clip"
    saved = clip.load_clip(folder / "open_clip_config.json", folder / "open_clip_model.safetensors").eval()
    (tmp_path / "w.safetensors").write_bytes(weights)
    theirs = open_clip.create_model(ARCHITECTURE, pretrained=str(tmp_path / "w.safetensors")).eval()
    plain = open_clip.create_model("ViT-B-32", pretrained=str(tmp_path / "w.safetensors")).eval()
    pixels = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    tokens = open_clip.get_tokenizer(ARCHITECTURE)(["a dog", "two cats on a mat"])
    with torch.no_grad():
        images = saved.encode_image(pixels), theirs.encode_image(pixels), plain.encode_image(pixels)
        texts = saved.encode_text(tokens), theirs.encode_text(tokens), plain.encode_text(tokens)
    for own, same, other in (images, texts):
        assert torch.equal(own, same) and not torch.allclose(own, other, atol=1e-3)
    expected = open_clip.get_pretrained_cfg(ARCHITECTURE, "openai")
    config = yaml.safe_load((folder / "open_clip_config.json").read_text())["preprocess_cfg"]
    assert config["mean"] == list(expected["mean"]) and config["interpolation"] == expected["interpolation"]


def test_a_hub_that_is_away_is_one_line(finished: Project, hub: Hub, weights: bytes) -> None:
    """Nothing that is there is fetched again; another commit is refused before anything is downloaded."""
    done = finished.snakemake(HF_ENDPOINT="http://127.0.0.1:9")
    assert done.returncode == 0, done.stderr[-3000:]
    values = overlay(hub, weights)
    values["models"]["clip"]["weights"]["revision"] = "f" * 40
    (finished.folder / "studies/other.yaml").write_text(yaml.safe_dump(values | {"study": "other"}))
    other = Project.__new__(Project)
    other.folder, other.overlay, other.environment = (
        finished.folder,
        "studies/other.yaml",
        finished.environment,
    )
    done = other.snakemake("--until", "fetch_hub_file", "--retries", "0", "--keep-going")
    assert done.returncode != 0
    [line] = set(re.findall(r"error: .*clip-vit-b-32.*", done.stdout + done.stderr))
    assert "the hub does not give it out" in line and "check repo, revision and path" in line
