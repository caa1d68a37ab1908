"""docs/searching.md: every command of it that embeds or indexes works, in the order of the page."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from crossmodal import registry
from crossmodal.adaptation import methods
from crossmodal.data.images import encode_png
from crossmodal.data.tables import Example, write_examples
from crossmodal.models import clip
from crossmodal.search.formats.open_vectors import formats, layouts, load_format
from crossmodal.study.configuration import read_yaml

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/searching.md"
PARAMS = read_yaml(ROOT / "params.yaml")
RUN = re.compile(r"^\$ (crossmodal (?:embed|index) .*)$", flags=re.MULTILINE)


@pytest.fixture
def workplace(tmp_path, model, monkeypatch):
    """A folder with what the page supposes: the default study's files, of a tiny model, and two photographs."""
    torch.set_num_threads(1)
    results = tmp_path / "results/emoji"
    base = results / "models" / next(iter(PARAMS["models"]))
    shutil.copytree(model, base)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    for cell in re.findall(r"--cell (\S+)", PAGE.read_text()):
        assert cell in PARAMS["adaptation"]["cells"]
        adapted = clip.load_clip(base / "open_clip_config.json", base / "open_clip_model.safetensors")
        params = registry.parse("adaptation", {"kind": "lora", "rank": 2})
        methods.attach(adapted, params, 0)
        adapter = results / f"adaptation/{cell}/s0"
        adapter.mkdir(parents=True)
        methods.save_adapter(
            adapted, params, adapter / "adapter_config.json", adapter / "adapter_model.safetensors"
        )
    split = tmp_path / "data/emoji/datasets/openmoji/test.parquet"
    split.parent.mkdir(parents=True)
    some = np.random.default_rng(0)
    pictures = [encode_png(some.integers(0, 256, (8, 8, 3), dtype=np.uint8)) for _ in range(300)]
    write_examples(
        split,
        (Example(f"e{i}", p, f"{i}.png", [f"thing {i}"], f"{i}", "", "") for i, p in enumerate(pictures)),
    )
    (tmp_path / "photos").mkdir()
    for name, colour in (("beach", "tan"), ("street", "grey")):
        Image.new("RGB", (60, 50), colour).save(tmp_path / f"photos/{name}.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_the_page_says_works(crossmodal, workplace):
    commands = RUN.findall(PAGE.read_text())
    assert len(commands) >= 6
    for line in commands:
        done = crossmodal(*line.split()[1:])
        assert done.status == 0, f"{line}: {done.err}"
    assert {p.name for p in workplace.iterdir()} == {
        "results", "data", "photos", "params.yaml", *(re.findall(r"--out (\S+)", "\n".join(commands)))
    }  # fmt: skip


def test_the_page_names_what_there_is():
    text = PAGE.read_text()
    assert all(
        f"`{layout}`" in text or f"--layout {layout}" in text
        for layout in layouts()
        if layout != "embeddings"
    )
    for name in formats():
        suffixes = re.findall(r"\.\w+$", load_format(name).DESCRIPTION)
        assert all(f"`{suffix}`" in text for suffix in suffixes), name


def test_help_lists_them(crossmodal):
    shown = crossmodal("--help").out
    assert "embed" in shown and "index" in shown
